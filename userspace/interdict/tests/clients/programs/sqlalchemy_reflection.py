"""SQLAlchemy's inspector over all of the clinic's schema."""

import sys

import sqlalchemy
from sqlalchemy import MetaData, Table, create_engine, inspect
from sqlalchemy.engine.reflection import ObjectKind

import steps
from steps import step


@step
def server(engine):
    with engine.connect() as connection:
        return [engine.dialect.server_version_info, engine.dialect.default_schema_name, connection.get_isolation_level()]


@step
def schemas(engine):
    return inspect(engine).get_schema_names()


@step
def tables(engine):
    return inspect(engine).get_table_names()


@step
def temporary_tables(engine):
    return inspect(engine).get_temp_table_names()


@step
def views(engine):
    return [inspect(engine).get_view_names(), inspect(engine).get_materialized_view_names()]


@step
def view_definition(engine):
    return inspect(engine).get_view_definition("visits_per_clinic")


@step
def sequences(engine):
    return inspect(engine).get_sequence_names()


@step
def enums(engine):
    return inspect(engine).get_enums()


@step
def domains(engine):
    return inspect(engine).get_domains()


@step
def has_table(engine):
    return [inspect(engine).has_table(name) for name in ("patients", "patient_contacts", "nosuch")]


@step
def has_sequence(engine):
    return [inspect(engine).has_sequence(name) for name in ("ticket", "nosuch")]


@step
def has_index(engine):
    return inspect(engine).has_index("patients", "patients_by_name")


@step
def table_oid(engine):
    return inspect(engine).get_table_oid("patients") > 0


KINDS = ("columns", "pk_constraint", "foreign_keys", "indexes", "unique_constraints", "check_constraints", "table_comment", "table_options")


def of_each(kind):
    def reflect(engine):
        inspector = inspect(engine)
        return {name: getattr(inspector, f"get_{kind}")(name) for name in inspector.get_table_names()}

    reflect.__name__ = f"each_{kind}"
    return reflect


def of_all(kind):
    def reflect(engine):
        inspector = inspect(engine)
        found = getattr(inspector, f"get_multi_{kind}")(kind=ObjectKind.ANY)
        return sorted(([list(name), value] for name, value in found.items()), key=lambda pair: str(pair[0]))

    reflect.__name__ = f"all_{kind}"
    return reflect


for kind in KINDS:
    step(of_each(kind))
    step(of_all(kind))


@step
def view_columns(engine):
    return inspect(engine).get_columns("patient_contacts")


@step
def metadata(engine):
    found = MetaData()
    found.reflect(bind=engine, views=True)
    return {name: [[column.name, str(column.type), column.nullable] for column in table.columns] for name, table in found.tables.items()}


@step
def catalogue_schema(engine):
    table = Table("columns", MetaData(), schema="information_schema", autoload_with=engine)
    return [column.name for column in table.columns]


@step
def information_schema(engine):
    with engine.connect() as connection:
        return connection.execute(
            sqlalchemy.text(
                "select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns"
                " where table_schema = 'public' order by table_name, ordinal_position"
            )
        ).all()


steps.run(create_engine(f"postgresql+{sys.argv[2]}://postgres@127.0.0.1:{steps.PORT}/clinic"))
