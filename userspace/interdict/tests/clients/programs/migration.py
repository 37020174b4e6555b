"""Definitions that change past the daemon while sessions are open, as a migration by another caller does."""

import sys
import time

import psycopg

import steps
from steps import step

PAST = int(sys.argv[2])

# What shows nothing of its change by its numbers is noticed after this many seconds.
AGE = 1.1


def connect(port):
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="clinic", autocommit=True)


def rows(connection, sql):
    return connection.execute(sql).fetchall()


PEOPLE = "select id, ssn from patients order by id"


@step
def before(past, old):
    return rows(old, PEOPLE)


@step
def table_added(past, old):
    past.execute("create table staff (id integer, ssn text)")
    past.execute("insert into staff values (1, '123-45-6789')")
    return rows(old, "select * from staff")


@step
def column_added(past, old):
    past.execute("alter table patients add column work_phone text default '555-0001'")
    return rows(old, "select id, work_phone from patients order by id")


@step
def column_added_for_a_new_session(past, old):
    with connect(steps.PORT) as new:
        return rows(new, "select id, work_phone from patients order by id")


@step
def column_renamed(past, old):
    past.execute("create table branches (id integer, place text)")
    past.execute("insert into branches values (1, '555-0001')")
    with connect(steps.PORT) as new:
        new.execute("select id from branches")
    past.execute("alter table branches rename column place to branch_phone")
    return rows(old, "select id, branch_phone from branches")


@step
def column_replaced(past, old):
    past.execute("alter table staff drop column ssn, add column name text default 'Sam', add column ssn text default '219-09-9999'")
    return rows(old, "select * from staff")


@step
def view_replaced(past, old):
    shown = rows(old, "select id, name from patient_contacts order by id")
    past.execute("create or replace view patient_contacts as select id, dob::text as name, phone, email from patients")
    time.sleep(AGE)
    return [shown, rows(old, "select id, name from patient_contacts order by id")]


@step
def table_made_anew_a_moment_ago(past, old):
    rows(old, "select * from staff")
    past.execute("drop table staff")
    past.execute("create table staff (id integer, ssn text)")
    past.execute("insert into staff values (1, '219-09-9999')")
    return rows(old, "select * from staff")


@step
def table_made_anew(past, old):
    past.execute("drop table staff")
    past.execute("create table staff (ssn text, id integer)")
    past.execute("insert into staff values ('219-09-9999', 2)")
    time.sleep(AGE)
    return rows(old, "select * from staff")


@step
def table_made_anew_for_a_new_session(past, old):
    with connect(steps.PORT) as new:
        return rows(new, "select * from staff")


@step
def afterwards(past, old):
    return rows(old, PEOPLE)


steps.run(connect(PAST), connect(steps.PORT))
