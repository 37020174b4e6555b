"""Runs named steps and prints each one's result as a line of JSON; an exception is a result too.

The same program runs past the proxy and through it, on the same data, and its lines are compared.
"""

import datetime
import decimal
import enum
import json
import sys
import uuid

PORT = int(sys.argv[1])
STEPS = []


def step(function):
    """Registers a step; its name is the function's."""
    STEPS.append(function)
    return function


def plain(value):
    """A value with its Python type, so that a masked date that came as text would show."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, enum.Enum):
        return {"enum": value.name}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"datetime": value.astimezone(datetime.timezone.utc).isoformat()}
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta, uuid.UUID)):
        return {type(value).__name__: str(value)}
    if isinstance(value, (bytes, memoryview)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    return str(value)


def run(*arguments):
    """Runs every step with the arguments, in the order of their definition."""
    for function in STEPS:
        try:
            result = plain(function(*arguments))
        except Exception as error:  # noqa: BLE001: whatever the client makes of a refusal is the result
            result = {"failed": type(error).__name__, "text": str(error)}
        print(json.dumps([function.__name__, result], ensure_ascii=False), flush=True)
