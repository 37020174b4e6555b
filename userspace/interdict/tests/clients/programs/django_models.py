"""Django: introspection by `inspectdb`, and the traffic of its models."""

import contextlib
import datetime
import io
import sys
from decimal import Decimal

import django
from django.apps import AppConfig
from django.conf import settings

import steps
from steps import step

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "clinic",
            "USER": "postgres",
            "HOST": "127.0.0.1",
            "PORT": steps.PORT,
            "CONN_HEALTH_CHECKS": True,
            "CONN_MAX_AGE": 60,
        }
    },
    INSTALLED_APPS=[AppConfig("clinic", sys.modules[__name__]), "django.contrib.contenttypes", "django.contrib.postgres"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.postgres.fields import ArrayField
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, Max, OuterRef, Prefetch, Q, Sum, Value, When, Window
from django.db.models.functions import Coalesce, Lower, RowNumber, TruncMonth


class Clinic(models.Model):
    name = models.TextField(unique=True)
    beds = models.IntegerField(default=0)
    opened = models.DateField(null=True)

    class Meta:
        app_label = "clinic"
        db_table = "clinics"
        managed = False


class Patient(models.Model):
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="patients")
    name = models.TextField()
    ssn = models.CharField(max_length=11, null=True, unique=True)
    mrn = models.TextField(null=True)
    email = models.TextField(null=True)
    phone = models.TextField(null=True)
    dob = models.DateField(null=True)
    zip = models.CharField(max_length=10, null=True)
    weight = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    version = models.IntegerField(default=1)
    created = models.DateTimeField(default=datetime.datetime(2026, 2, 2, tzinfo=datetime.timezone.utc))

    class Meta:
        app_label = "clinic"
        db_table = "patients"
        managed = False


class Visit(models.Model):
    id = models.BigAutoField(primary_key=True)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="visits")
    visit_date = models.DateField()
    status = models.TextField(default="planned")
    reason = models.TextField(null=True)
    cost = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    tags = ArrayField(models.TextField(), default=list)
    detail = models.JSONField(null=True)

    class Meta:
        app_label = "clinic"
        db_table = "visits"
        managed = False


class Status(models.Field):
    """The enumeration, for which Django has no field."""

    def db_type(self, connection):
        return "visit_status"


Visit._meta.get_field("status").db_type = Status().db_type
Visit._meta.get_field("status").rel_db_type = Status().db_type

OPEN = ("id", "clinic_id", "name", "weight", "version", "created")
MASKED = ("ssn", "mrn", "email", "phone", "dob", "zip")


def of(instance, names):
    return [getattr(instance, name) for name in names]


def inspected(*tables):
    output = io.StringIO()
    call_command("inspectdb", *tables, stdout=output)
    return output.getvalue().splitlines()


@step
def inspect_all():
    return inspected()


@step
def inspect_views_and_partitions():
    output = io.StringIO()
    call_command("inspectdb", include_views=True, include_partitions=True, stdout=output)
    return output.getvalue().splitlines()


@step
def introspection():
    with connection.cursor() as cursor:
        names = connection.introspection
        return [
            sorted(info.name for info in names.get_table_list(cursor)),
            names.get_table_description(cursor, "patients"),
            names.get_relations(cursor, "visits"),
            names.get_sequences(cursor, "patients"),
            names.get_constraints(cursor, "visits"),
            names.get_constraints(cursor, "patients"),
        ]


@step
def whole_objects_open_part():
    return [of(patient, OPEN) for patient in Patient.objects.order_by("id")]


@step
def whole_objects_masked_part():
    return [of(patient, MASKED) for patient in Patient.objects.order_by("id")]


@step
def get_by_id():
    return of(Patient.objects.get(pk=2), OPEN)


@step
def get_by_masked_column():
    return Patient.objects.get(ssn="219-09-9999").name


@step
def does_not_exist():
    return Patient.objects.get(pk=-1).name


@step
def create():
    patient = Patient.objects.create(clinic_id=1, name="Di Fresh", ssn="987-65-4321", mrn="MRN0000009", dob=datetime.date(1990, 4, 5), weight=Decimal("70.5"))
    return [patient.pk, [patient.visits.create(visit_date=datetime.date(2027, 1, day), reason="new", tags=["a"], detail={"room": 1}).pk for day in (1, 2, 3)]]


@step
def bulk_create():
    made = Visit.objects.bulk_create([Visit(patient_id=2, visit_date=datetime.date(2028, 1, day), reason=f"bulk {day}") for day in range(1, 31)], batch_size=10)
    return [visit.pk for visit in made]


@step
def bulk_create_ignoring_conflicts():
    Visit.objects.bulk_create([Visit(patient_id=2, visit_date=datetime.date(2028, 1, day)) for day in (30, 31)], ignore_conflicts=True)
    return Visit.objects.filter(visit_date__year=2028).count()


@step
def bulk_create_updating_conflicts():
    Clinic.objects.bulk_create([Clinic(name="North", beds=50), Clinic(name="Hill", beds=5)], update_conflicts=True, unique_fields=["name"], update_fields=["beds"])
    return list(Clinic.objects.order_by("name").values_list("name", "beds"))


@step
def get_or_create():
    one, made = Clinic.objects.get_or_create(name="Lake", defaults={"beds": 3})
    two, again = Clinic.objects.get_or_create(name="Lake", defaults={"beds": 9})
    return [made, again, one.pk == two.pk, two.beds]


@step
def update_or_create():
    one, made = Clinic.objects.update_or_create(name="Lake", defaults={"beds": 4})
    return [made, Clinic.objects.get(name="Lake").beds]


@step
def get_or_create_by_masked_column():
    one, made = Patient.objects.get_or_create(ssn="123-45-6789", defaults={"clinic_id": 1, "name": "Twin"})
    return [one.pk, made]


@step
def save_named_fields():
    patient = Patient.objects.get(pk=1)
    patient.weight = Decimal("62.5")
    patient.save(update_fields=["weight"])
    return Patient.objects.filter(pk=1, ssn="123-45-6789").values_list("weight", flat=True)[0]


@step
def save_whole_clinic():
    clinic = Clinic.objects.get(name="Harbour")
    clinic.beds = F("beds") + 1
    clinic.save()
    return Clinic.objects.get(pk=clinic.pk).beds


@step
def update_query():
    return Patient.objects.filter(pk=3).update(email="cy@example.org", version=F("version") + 1)


@step
def bulk_update():
    visits = list(Visit.objects.filter(pk__lte=5).order_by("pk"))
    for visit in visits:
        visit.reason = f"seen {visit.pk}"
    Visit.objects.bulk_update(visits, ["reason"])
    return list(Visit.objects.filter(pk__lte=5).order_by("pk").values_list("reason", flat=True))


@step
def select_related():
    return [[visit.pk, visit.patient.name, visit.patient.clinic.name] for visit in Visit.objects.select_related("patient__clinic").order_by("pk")[:10]]


@step
def prefetch_related():
    found = Patient.objects.prefetch_related("visits", Prefetch("clinic__patients", Patient.objects.order_by("id"))).order_by("id")
    return [[patient.name, len(patient.visits.all()), [other.pk for other in patient.clinic.patients.all()]] for patient in found]


@step
def only_and_defer():
    return [of(patient, ("id", "name")) for patient in Patient.objects.only("name").order_by("id")], [patient.weight for patient in Patient.objects.defer(*MASKED).order_by("id")]


@step
def values():
    return list(Visit.objects.filter(pk__lte=4).order_by("pk").values("id", "status", "cost", "detail"))


@step
def values_masked():
    return list(Patient.objects.filter(pk__lte=3).order_by("pk").values("id", "ssn", "dob"))


@step
def filters():
    return list(
        Visit.objects.filter(Q(status="done") | Q(status="missed"), cost__range=(50, 90), reason__startswith="check", visit_date__gte=datetime.date(2026, 1, 1), detail__room=3)
        .exclude(tags__contains=["walk in"]).order_by("pk").values_list("pk", flat=True)
    )


@step
def filter_case_insensitive():
    return list(Patient.objects.filter(name__icontains="EXAMPLE").values_list("pk", flat=True))


@step
def filter_masked_in():
    return list(Patient.objects.filter(ssn__in=["123-45-6789", "219-09-9999"]).order_by("pk").values_list("pk", flat=True))


@step
def filter_masked_is_null():
    return list(Patient.objects.filter(ssn__isnull=True).order_by("pk").values_list("pk", flat=True))


@step
def exists():
    return [Visit.objects.filter(status="done").exists(), Patient.objects.filter(name="nobody").exists()]


@step
def exists_by_masked_column():
    return Patient.objects.filter(ssn="123-45-6789").exists()


@step
def counts():
    return [Visit.objects.count(), Patient.objects.count(), Patient.objects.filter(weight__gt=60).count()]


@step
def count_by_masked_null():
    return Patient.objects.filter(email__isnull=False).count()


@step
def count_of_masked_column():
    return Patient.objects.aggregate(Count("ssn"))


@step
def aggregate():
    return Visit.objects.aggregate(Count("id"), Sum("cost"), Avg("cost"), Max("visit_date"))


@step
def annotate():
    return list(Patient.objects.annotate(number=Count("visits"), total=Coalesce(Sum("visits__cost"), Decimal(0))).filter(number__gt=3).order_by("pk").values_list("name", "number", "total"))


@step
def annotate_whole_objects():
    return [[patient.pk, patient.number] for patient in Patient.objects.annotate(number=Count("visits")).order_by("pk")]


@step
def group_by():
    return list(Visit.objects.values("status").annotate(number=Count("id")).order_by("status"))


@step
def by_month():
    return list(Visit.objects.annotate(month=TruncMonth("visit_date")).values("month").annotate(number=Count("id")).order_by("month")[:5])


@step
def conditional_expression():
    size = Case(When(beds__gt=20, then=Value("large")), default=Value("small"))
    return list(Clinic.objects.annotate(size=size).order_by("name").values_list("name", "size"))


@step
def function_of_open_column():
    return list(Patient.objects.annotate(lower=Lower("name")).order_by("pk").values_list("lower", flat=True))


@step
def sub_query_exists():
    return list(Patient.objects.filter(Exists(Visit.objects.filter(patient=OuterRef("pk"), cost__gt=370))).order_by("pk").values_list("pk", flat=True))


@step
def window():
    place = Window(RowNumber(), partition_by=[F("patient_id")], order_by=F("cost").desc(nulls_last=True))
    return list(Visit.objects.annotate(place=place).filter(place__lte=2).order_by("patient_id", "place").values_list("pk", "place"))


@step
def union():
    return sorted(Patient.objects.values_list("name").union(Clinic.objects.values_list("name")))


@step
def pages():
    found = Visit.objects.order_by("pk")
    return [[visit.pk for visit in found[at : at + 5]] for at in (0, 5, 295)]


@step
def iterator():
    return sum(visit.pk for visit in Visit.objects.filter(pk__lte=250).iterator(chunk_size=100))


@step
def iterator_of_masked_rows():
    return [patient.pk for patient in Patient.objects.filter(pk__lte=3).order_by("pk").iterator(chunk_size=2)]


@step
def dates():
    return list(Visit.objects.dates("visit_date", "month"))[:4]


@step
def lock_for_update():
    with transaction.atomic():
        return list(Visit.objects.select_for_update(skip_locked=True).filter(pk=9).values_list("pk", flat=True))


@step
def atomic_rolled_back():
    with contextlib.suppress(RuntimeError), transaction.atomic():
        Clinic.objects.create(name="Gone")
        raise RuntimeError
    return Clinic.objects.filter(name="Gone").count()


@step
def nested_atomic():
    with transaction.atomic():
        Clinic.objects.create(name="Outer")
        with contextlib.suppress(Exception), transaction.atomic():
            Clinic.objects.create(name="North")
        Clinic.objects.create(name="After")
    return list(Clinic.objects.order_by("name").values_list("name", flat=True))


@step
def error_of_a_constraint():
    Visit.objects.create(patient_id=1, visit_date=datetime.date(2029, 1, 1), cost=-1)


@step
def raw_sql():
    return [[patient.pk, patient.name] for patient in Patient.objects.raw("select id, name from patients where id < %s order by id", [3])]


@step
def cursor():
    with connection.cursor() as cursor:
        cursor.execute("select id, name from clinics where beds > %s order by id", [10])
        return [[column.name for column in cursor.description], cursor.fetchall()]


@step
def explain():
    return "Scan" in Visit.objects.filter(pk=1).explain()


@step
def delete_one():
    return Visit.objects.get(pk=300).delete()


@step
def delete_with_cascade():
    return Patient.objects.get(name="Di Fresh").delete()


@step
def delete_by_query():
    return Visit.objects.filter(status="missed", pk__gt=250).delete()[0]


@step
def migrations_recorded():
    from django.db.migrations.recorder import MigrationRecorder

    return MigrationRecorder(connection).applied_migrations()


@step
def save_whole_masked_object():
    patient = Patient.objects.get(pk=2)
    patient.weight = Decimal("81.0")
    patient.save()
    return "kept" if Patient.objects.filter(pk=2).filter(ssn="219-09-9999") else "the mask was stored"


steps.run()
