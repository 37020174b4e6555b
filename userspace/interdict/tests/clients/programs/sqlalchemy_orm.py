"""An ORM's typical traffic: SQLAlchemy's unit of work over the clinic."""

import datetime
import sys
from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric, String, Text, create_engine, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB, insert as upsert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, joinedload, mapped_column, relationship, selectinload, subqueryload

import steps
from steps import step


class Base(DeclarativeBase):
    pass


class Clinic(Base):
    __tablename__ = "clinics"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    beds: Mapped[int] = mapped_column(server_default="0")
    opened: Mapped[datetime.date | None]
    patients: Mapped[list["Patient"]] = relationship(back_populates="clinic", order_by="Patient.id")


class Patient(Base):
    __tablename__ = "patients"
    id: Mapped[int] = mapped_column(primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str]
    ssn: Mapped[str | None] = mapped_column(String(11))
    mrn: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    dob: Mapped[datetime.date | None]
    zip: Mapped[str | None] = mapped_column(String(10))
    weight: Mapped[Decimal | None] = mapped_column(Numeric(5, 1))
    version: Mapped[int] = mapped_column()
    created: Mapped[datetime.datetime] = mapped_column(server_default=text("now()"))
    clinic: Mapped[Clinic] = relationship(back_populates="patients")
    visits: Mapped[list["Visit"]] = relationship(back_populates="patient", order_by="Visit.id", cascade="all, delete-orphan")
    __mapper_args__ = {"version_id_col": version}


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patients.id"))
    visit_date: Mapped[datetime.date]
    status: Mapped[str] = mapped_column(ENUM("planned", "arrived", "done", "missed", name="visit_status", create_type=False), server_default="planned")
    reason: Mapped[str | None]
    cost: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    detail: Mapped[dict | None] = mapped_column(JSONB)
    patient: Mapped[Patient] = relationship(back_populates="visits")


MASKED = ("ssn", "mrn", "email", "phone", "dob", "zip")
CREATED = datetime.datetime(2026, 2, 2, tzinfo=datetime.timezone.utc)


def open_columns(patient):
    return [patient.id, patient.clinic_id, patient.name, patient.weight, patient.version, patient.created]


def masked_columns(patient):
    return [getattr(patient, name) for name in MASKED]


@step
def select_all_columns_open_part(engine):
    with Session(engine) as session:
        return [open_columns(patient) for patient in session.scalars(select(Patient).order_by(Patient.id))]


@step
def select_all_columns_masked_part(engine):
    with Session(engine) as session:
        return [masked_columns(patient) for patient in session.scalars(select(Patient).order_by(Patient.id))]


@step
def get_by_id(engine):
    with Session(engine) as session:
        return open_columns(session.get(Patient, 2))


@step
def insert_with_relationship(engine):
    with Session(engine) as session:
        patient = Patient(name="Di Fresh", clinic_id=1, ssn="987-65-4321", mrn="MRN0000009", dob=datetime.date(1990, 4, 5), weight=Decimal("70.5"), created=CREATED)
        patient.visits = [
            Visit(visit_date=datetime.date(2027, 1, day), reason=f"reason {day}", cost=Decimal(day), tags=["new"], detail={"room": day})
            for day in range(1, 6)
        ]
        session.add(patient)
        session.commit()
        return [patient.id, patient.version, [visit.id for visit in patient.visits], [visit.status for visit in patient.visits]]


@step
def bulk_insert_with_returning(engine):
    with Session(engine) as session:
        rows = [{"patient_id": 4, "visit_date": datetime.date(2027, 2, day), "reason": "bulk"} for day in range(1, 29)]
        found = session.scalars(insert(Visit).returning(Visit, sort_by_parameter_order=True), rows).all()
        session.commit()
        return [[visit.id, visit.visit_date, visit.status] for visit in found]


@step
def insert_returning_masked_columns(engine):
    with Session(engine) as session:
        row = session.execute(
            insert(Patient).values(name="Ed Fresh", clinic_id=2, ssn="987-65-4322", dob=datetime.date(1991, 6, 7), version=1, created=CREATED).returning(Patient.id, Patient.ssn, Patient.dob)
        ).one()
        session.commit()
        return row._asdict()


@step
def upsert_on_conflict(engine):
    with Session(engine) as session:
        statement = upsert(Clinic).values(name="North", beds=41)
        row = session.execute(
            statement.on_conflict_do_update(index_elements=[Clinic.name], set_={"beds": statement.excluded.beds}).returning(Clinic.id, Clinic.beds)
        ).one()
        session.commit()
        return list(row)


@step
def upsert_do_nothing(engine):
    with Session(engine) as session:
        done = session.execute(upsert(Visit).values(patient_id=4, visit_date=datetime.date(2027, 2, 1)).on_conflict_do_nothing())
        session.commit()
        return done.rowcount


@step
def join(engine):
    with Session(engine) as session:
        found = session.execute(
            select(Patient.name, Visit.visit_date, Visit.cost).join(Visit.patient).where(Visit.cost > 300).order_by(Visit.id).limit(20)
        )
        return [list(row) for row in found]


@step
def outer_join_of_aliases(engine):
    other = aliased(Patient)
    with Session(engine) as session:
        found = session.execute(
            select(Patient.id, other.id).outerjoin(other, (other.clinic_id == Patient.clinic_id) & (other.id > Patient.id)).order_by(Patient.id, other.id)
        )
        return [list(row) for row in found]


@step
def eager_by_join(engine):
    with Session(engine) as session:
        clinic = session.scalars(select(Clinic).where(Clinic.id == 2).options(joinedload(Clinic.patients))).unique().one()
        return [open_columns(patient) for patient in clinic.patients]


@step
def eager_by_join_nested_and_limited(engine):
    with Session(engine) as session:
        found = session.scalars(
            select(Patient).options(joinedload(Patient.clinic), joinedload(Patient.visits)).order_by(Patient.id).limit(2)
        ).unique()
        return [[patient.name, patient.clinic.name, len(patient.visits)] for patient in found]


@step
def eager_by_select_in(engine):
    with Session(engine) as session:
        found = session.scalars(select(Patient).options(selectinload(Patient.visits)).order_by(Patient.id))
        return [[patient.name, [visit.id for visit in patient.visits][:5]] for patient in found]


@step
def eager_by_subquery(engine):
    with Session(engine) as session:
        found = session.scalars(select(Clinic).options(subqueryload(Clinic.patients)).order_by(Clinic.id))
        return [[clinic.name, [patient.id for patient in clinic.patients]] for clinic in found]


@step
def lazy_load(engine):
    with Session(engine) as session:
        return [visit.patient.clinic.name for visit in session.scalars(select(Visit).order_by(Visit.id).limit(3))]


@step
def filter_by_open_columns(engine):
    with Session(engine) as session:
        found = session.scalars(
            select(Visit.id).where(Visit.status == "done", Visit.cost.between(50, 90), Visit.reason.like("check-up%"), Visit.visit_date >= datetime.date(2026, 1, 1)).order_by(Visit.id)
        )
        return list(found)


@step
def filter_by_array_and_json(engine):
    with Session(engine) as session:
        found = session.scalars(
            select(Visit.id).where(Visit.tags.contains(["first"]), Visit.detail["room"].as_integer() == 3, Visit.detail.has_key("fasting")).order_by(Visit.id).limit(10)
        )
        return list(found)


@step
def json_path(engine):
    with Session(engine) as session:
        return list(session.scalars(select(Visit.detail["room"].astext).order_by(Visit.id).limit(5)))


@step
def case_insensitive_name(engine):
    with Session(engine) as session:
        return list(session.scalars(select(Patient.id).where(Patient.name.ilike("%example%"))))


@step
def masked_column_equals(engine):
    with Session(engine) as session:
        return list(session.scalars(select(Patient.id).where(Patient.ssn == "123-45-6789")))


@step
def masked_column_in_list(engine):
    with Session(engine) as session:
        return list(session.scalars(select(Patient.id).where(Patient.ssn.in_(["123-45-6789", "219-09-9999"])).order_by(Patient.id)))


@step
def masked_column_is_null(engine):
    with Session(engine) as session:
        return list(session.scalars(select(Patient.id).where(Patient.ssn.is_(None)).order_by(Patient.id)))


@step
def masked_column_is_not_null(engine):
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Patient).where(Patient.email.is_not(None)))


@step
def masked_column_exists(engine):
    with Session(engine) as session:
        return session.scalar(select(exists().where(Patient.ssn == "123-45-6789")))


@step
def filter_by_masked_and_open(engine):
    with Session(engine) as session:
        return list(session.scalars(select(Patient.id).where(or_(Patient.email == "bo@example.org", Patient.id == 1)).order_by(Patient.id)))


@step
def update_masked_column(engine):
    with Session(engine) as session:
        patient = session.get(Patient, 3)
        patient.phone, patient.dob = "+1 202 555 0103", datetime.date(1960, 1, 2)
        session.commit()
        return [patient.version, patient.name]


@step
def update_by_statement(engine):
    with Session(engine) as session:
        done = session.execute(update(Patient).where(Patient.id == 3).values(email="cy@example.org", version=Patient.version + 1))
        session.commit()
        return done.rowcount


@step
def update_returning(engine):
    with Session(engine) as session:
        found = session.execute(update(Visit).where(Visit.id == 7).values(cost=Visit.cost * 2).returning(Visit.id, Visit.cost)).all()
        session.commit()
        return [list(row) for row in found]


@step
def optimistic_version(engine):
    with Session(engine) as first, Session(engine) as second:
        one, two = first.get(Patient, 1), second.get(Patient, 1)
        one.weight, two.weight = Decimal("62.0"), Decimal("63.0")
        first.commit()
        try:
            second.commit()
        except Exception as error:
            return type(error).__name__
        return "both committed"


@step
def count(engine):
    with Session(engine) as session:
        return [session.scalar(select(func.count()).select_from(Visit)), session.scalar(select(func.count(Patient.id)))]


@step
def count_of_masked_rows(engine):
    with Session(engine) as session:
        return [session.scalar(select(func.count(Patient.ssn))), session.scalar(select(func.count()).select_from(select(Patient).subquery()))]


@step
def group_by(engine):
    with Session(engine) as session:
        found = session.execute(select(Visit.status, func.count(), func.sum(Visit.cost), func.avg(Visit.cost)).group_by(Visit.status).order_by(Visit.status))
        return [list(row) for row in found]


@step
def group_by_join_having(engine):
    with Session(engine) as session:
        found = session.execute(
            select(Patient.name, func.count(Visit.id).label("visits"), func.max(Visit.visit_date)).join(Patient.visits).group_by(Patient.id).having(func.count(Visit.id) > 30).order_by(Patient.name)
        )
        return [list(row) for row in found]


@step
def window(engine):
    with Session(engine) as session:
        place = func.row_number().over(partition_by=Visit.patient_id, order_by=Visit.cost.desc()).label("place")
        ranked = select(Visit.id, Visit.patient_id, place).where(Visit.cost.is_not(None)).subquery()
        found = session.execute(select(ranked).where(ranked.c.place <= 2).order_by(ranked.c.patient_id, ranked.c.place))
        return [list(row) for row in found]


@step
def common_table_expression(engine):
    with Session(engine) as session:
        costly = select(Visit.patient_id, func.sum(Visit.cost).label("total")).group_by(Visit.patient_id).cte("costly")
        found = session.execute(select(Patient.name, costly.c.total).join(costly, costly.c.patient_id == Patient.id).where(costly.c.total > 1).order_by(Patient.id))
        return [list(row) for row in found]


@step
def union(engine):
    with Session(engine) as session:
        found = session.execute(select(Patient.name).union(select(Clinic.name)).order_by("name"))
        return [list(row) for row in found]


@step
def distinct(engine):
    with Session(engine) as session:
        return [list(row) for row in session.execute(select(Visit.patient_id, Visit.status).distinct().order_by(Visit.patient_id, Visit.status))]


@step
def correlated_sub_query(engine):
    with Session(engine) as session:
        visits = select(func.count(Visit.id)).where(Visit.patient_id == Patient.id).correlate(Patient).scalar_subquery()
        return [list(row) for row in session.execute(select(Patient.id, visits).order_by(Patient.id))]


@step
def expressions_of_open_columns(engine):
    with Session(engine) as session:
        found = session.execute(
            select(func.upper(Patient.name), Patient.weight * 2, func.coalesce(Patient.weight, 0), func.extract("year", Patient.created)).order_by(Patient.id).limit(3)
        )
        return [list(row) for row in found]


@step
def pages(engine):
    with Session(engine) as session:
        return [list(session.scalars(select(Visit.id).order_by(Visit.id).limit(20).offset(at))) for at in (0, 20, 280)]


@step
def pages_of_masked_rows(engine):
    with Session(engine) as session:
        return [[patient.id for patient in session.scalars(select(Patient).order_by(Patient.id).limit(2).offset(at))] for at in (0, 2)]


@step
def partitions_of_a_stream(engine):
    with engine.connect().execution_options(stream_results=True, yield_per=50) as connection:
        return [len(part) for part in connection.execute(select(Visit.id).where(Visit.id <= 200)).partitions()]


@step
def stream_of_masked_rows(engine):
    with Session(engine) as session:
        found = session.scalars(select(Patient).where(Patient.id <= 3).order_by(Patient.id).execution_options(yield_per=2))
        return [open_columns(patient)[:3] for patient in found]


@step
def lock_for_update(engine):
    with Session(engine) as session:
        session.scalars(select(Patient).where(Patient.id == 2).with_for_update(of=Patient)).one()
        session.rollback()
        return "locked"


@step
def save_points(engine):
    with Session(engine) as session:
        session.add(Clinic(name="Hill", beds=5))
        session.flush()
        try:
            with session.begin_nested():
                session.add(Clinic(name="North"))
        except Exception as error:
            refused = type(error).__name__
        with session.begin_nested():
            session.add(Clinic(name="Lake", beds=6))
        session.commit()
        return [refused, list(session.scalars(select(Clinic.name).order_by(Clinic.name)))]


@step
def rolled_back(engine):
    with Session(engine) as session:
        session.add(Clinic(name="Gone"))
        session.flush()
        session.rollback()
        return session.scalar(select(func.count()).select_from(Clinic).where(Clinic.name == "Gone"))


@step
def isolation_levels(engine):
    levels = []
    for level in ("REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"):
        with engine.connect().execution_options(isolation_level=level) as connection:
            levels.append([connection.scalar(text("show transaction_isolation")), connection.scalar(select(func.count(Clinic.id)))])
    return levels


@step
def error_of_a_constraint(engine):
    with Session(engine) as session:
        session.add(Visit(patient_id=1, visit_date=datetime.date(2028, 1, 1), cost=Decimal(-1)))
        session.commit()


@step
def error_of_a_unique_masked_column(engine):
    with Session(engine) as session:
        session.add(Patient(name="Twin", clinic_id=1, ssn="123-45-6789"))
        try:
            session.commit()
        except Exception as error:
            return [type(error).__name__, error.orig.sqlstate if hasattr(error.orig, "sqlstate") else error.orig.pgcode]


@step
def delete_by_id(engine):
    with Session(engine) as session:
        session.delete(session.get(Visit, 300))
        session.commit()
        return session.scalar(select(func.count(Visit.id)).where(Visit.id == 300))


@step
def delete_with_cascade(engine):
    with Session(engine) as session:
        session.delete(session.get(Patient, 4))
        session.commit()
        return session.scalar(select(func.count(Visit.id)).where(Visit.patient_id == 4))


@step
def delete_by_statement(engine):
    with Session(engine) as session:
        done = session.execute(delete(Visit).where(Visit.status == "missed", Visit.id > 250).returning(Visit.id))
        found = sorted(done.scalars())
        session.commit()
        return found


@step
def write_with_sub_query(engine):
    with Session(engine) as session:
        done = session.execute(update(Visit).where(Visit.patient_id.in_(select(Patient.id).where(Patient.clinic_id == 2)), Visit.id < 20).values(reason="moved"))
        session.commit()
        return done.rowcount


@step
def raw_sql(engine):
    with engine.begin() as connection:
        return [list(row) for row in connection.execute(text("select id, name from patients where id = :id or name = :name order by id"), {"id": 1, "name": "Bo Sample"})]


@step
def ping_and_reconnect(engine):
    with engine.connect() as connection:
        connection.detach()
    return engine.connect().scalar(select(1))


engine = create_engine(f"postgresql+{sys.argv[2]}://postgres@127.0.0.1:{steps.PORT}/clinic", pool_pre_ping=True)
steps.run(engine)
engine.dispose()
