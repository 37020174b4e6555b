"""psql's completion by the tab key, for which it asks the catalogue: what stands on the line afterwards."""

import os
import pty
import select
import subprocess
import time

import steps

LINES = {
    "completes_a_relation": ("select * from visits_p", "visits_per_clinic"),
    "completes_what_to_describe": ("\\d patient_c", "patient_contacts"),
    "completes_a_table_to_write": ("update clin", "clinics"),
    "completes_a_column": ("alter table visits drop column visit_d", "visit_date"),
    "completes_a_function": ("\\sf bed_c", "bed_count"),
    "completes_a_type": ("alter type visit_s", "visit_status"),
    "completes_a_schema": ("set search_path to information_s", "information_schema"),
    "completes_a_setting": ("set enable_bitm", "enable_bitmapscan"),
    "completes_a_role": ("alter role audi", "auditor"),
    "completes_a_value_of_an_enumeration": ("alter type visit_status rename value 'arri", "arrived"),
}


def until(terminal, wanted):
    """What the terminal shows, up to and with the text wanted, or after ten seconds."""
    shown, deadline = "", time.monotonic() + 10
    while wanted not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


def complete(typed, wanted):
    ours, theirs = pty.openpty()
    psql = subprocess.Popen(
        ["psql", "-X", "-h", "127.0.0.1", "-p", str(steps.PORT), "-U", "postgres", "-d", "clinic"],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "dumb", "INPUTRC": "/dev/null", "PSQL_HISTORY": "/dev/null"}, start_new_session=True,
    )
    os.close(theirs)
    try:
        until(ours, "clinic=# ")
        os.write(ours, typed.encode() + b"\t")
        return wanted in until(ours, wanted)
    finally:
        psql.kill()
        psql.wait()
        os.close(ours)


for name, (typed, wanted) in LINES.items():

    def step(typed=typed, wanted=wanted):
        return complete(typed, wanted)

    step.__name__ = name
    steps.step(step)

steps.run()
