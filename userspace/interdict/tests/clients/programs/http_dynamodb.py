"""boto3 with DynamoDB: what is masked has to decode as what it was.

Arguments: the port, the service's own port, which is for what prepares it.
"""

import sys
from decimal import Decimal

import boto3
import requests
import steps
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from steps import step

requests.post(f"http://127.0.0.1:{sys.argv[2]}/moto-api/reset", timeout=30).raise_for_status()
SETTINGS = {
    "endpoint_url": f"http://127.0.0.1:{steps.PORT}",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "secret-of-the-agent",
    "region_name": "us-east-1",
    "config": Config(retries={"max_attempts": 1}),
}
CLIENT = boto3.client("dynamodb", **SETTINGS)
TABLE = boto3.resource("dynamodb", **SETTINGS).Table("patients")
PEOPLE = [
    {"clinic": "a", "id": 1, "name": "Ada Example", "ssn": "123-45-6789", "mrn": "MRN0000001", "weight": Decimal("61.5")},
    {"clinic": "a", "id": 2, "name": "Bo Sample", "ssn": "219-09-9999", "tags": {"x", "y"}},
    {"clinic": "b", "id": 3, "name": "Cy Null", "ssn": None, "kin": [{"ssn": "123-45-6789", "ok": True}]},
]


@step
def create():
    CLIENT.create_table(
        TableName="patients",
        KeySchema=[{"AttributeName": "clinic", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "clinic", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return CLIENT.list_tables()["TableNames"]


@step
def put():
    return [TABLE.put_item(Item=person)["ResponseMetadata"]["HTTPStatusCode"] for person in PEOPLE]


@step
def get():
    return [TABLE.get_item(Key={"clinic": one["clinic"], "id": one["id"]})["Item"] for one in PEOPLE]


@step
def query():
    return TABLE.query(KeyConditionExpression=Key("clinic").eq("a"))["Items"]


@step
def scan():
    return sorted(TABLE.scan()["Items"], key=lambda item: item["id"])


@step
def scan_projected():
    found = TABLE.scan(ProjectionExpression="id, ssn")["Items"]
    return sorted(found, key=lambda item: item["id"])


@step
def by_equality():
    return TABLE.scan(FilterExpression=Attr("ssn").eq("123-45-6789"), ProjectionExpression="id")["Items"]


@step
def by_prefix_of_any_refused():
    return TABLE.scan(FilterExpression=Attr("ssn").begins_with("123"), ProjectionExpression="id")["Items"]


@step
def by_prefix_refused():
    return TABLE.scan(FilterExpression=Attr("mrn").begins_with("MRN"), ProjectionExpression="id")["Items"]


@step
def batch():
    with TABLE.batch_writer() as writer:
        for number in range(10, 40):
            writer.put_item(Item={"clinic": "c", "id": number, "ssn": "123-45-6789"})
    keys = [{"clinic": "c", "id": number} for number in range(10, 20)]
    items = TABLE.meta.client.batch_get_item(RequestItems={"patients": {"Keys": keys}})["Responses"]["patients"]
    return sorted(items, key=lambda item: item["id"])


@step
def update():
    found = TABLE.update_item(
        Key={"clinic": "a", "id": 1},
        UpdateExpression="SET #n = :n",
        ExpressionAttributeNames={"#n": "name"},
        ExpressionAttributeValues={":n": "Ada Exemplar"},
        ReturnValues="ALL_NEW",
    )
    return found["Attributes"]


@step
def delete_refused():
    TABLE.delete_item(Key={"clinic": "a", "id": 1})


@step
def delete_in_batch_refused():
    with TABLE.batch_writer() as writer:
        writer.put_item(Item={"clinic": "d", "id": 1})
        writer.delete_item(Key={"clinic": "a", "id": 2})


steps.run()
