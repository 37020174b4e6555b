"""Puts the patients into S3 and DynamoDB. Arguments: their ports, the file of patients."""

import csv
import io
import json
import sys
from decimal import Decimal

import boto3

KEYS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo", "region_name": "us-east-1"}
with open(sys.argv[3], encoding="utf-8") as file:
    people = json.load(file, parse_float=Decimal)

s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", **KEYS)
s3.create_bucket(Bucket="exports")
text = io.StringIO()
rows = csv.DictWriter(text, fieldnames=list(people[0]))
rows.writeheader()
rows.writerows(people)
s3.put_object(Bucket="exports", Key="patients.csv", Body=text.getvalue().encode(), ContentType="text/csv")

tables = boto3.resource("dynamodb", endpoint_url=f"http://127.0.0.1:{sys.argv[2]}", **KEYS)
table = tables.create_table(
    TableName="patients",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
    BillingMode="PAY_PER_REQUEST",
)
for person in people:
    table.put_item(Item=person)
