"""What an agent does with boto3. Arguments: the ports of S3 and DynamoDB."""

import sys

import boto3

KEYS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo", "region_name": "us-east-1"}
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", **KEYS)
print(s3.get_object(Bucket="exports", Key="patients.csv")["Body"].read().decode(), end="")

table = boto3.resource("dynamodb", endpoint_url=f"http://127.0.0.1:{sys.argv[2]}", **KEYS).Table("patients")
for item in sorted(table.scan()["Items"], key=lambda item: item["id"]):
    print(item)
