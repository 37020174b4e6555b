"""boto3 with S3, signed by a user that the service knows.

Arguments: the port, the service's own port, which is for what prepares it.
"""

import io
import sys

import boto3
import requests
import steps
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from steps import step

DIRECT = f"http://127.0.0.1:{sys.argv[2]}"
CSV = "id,name,ssn,note\n1,Ada Example,123-45-6789,SSN 219-09-9999 seen\n2,Bo Sample,219-09-9999,\n"
JSON = b'{"ssn": "123-45-6789", "weight": 61.50, "mail": "ada@example.org"}'
PLAIN = b"nothing of note\n" * 300


def prepared():
    """A service as new, which from now on checks signatures, and the keys of a user."""
    requests.post(f"{DIRECT}/moto-api/reset", timeout=30).raise_for_status()
    requests.post(f"{DIRECT}/moto-api/reset-auth", data=b"1000000", timeout=30).raise_for_status()
    anybody = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    iam = boto3.client("iam", endpoint_url=DIRECT, **anybody)
    iam.create_user(UserName="agent")
    allow = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam.put_user_policy(UserName="agent", PolicyName="all", PolicyDocument=allow)
    key = iam.create_access_key(UserName="agent")["AccessKey"]
    requests.post(f"{DIRECT}/moto-api/reset-auth", data=b"0", timeout=30).raise_for_status()
    return key["AccessKeyId"], key["SecretAccessKey"]


def client(key, secret, **options):
    config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **options)
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{steps.PORT}",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=config,
    )


KEY, SECRET = prepared()
S3 = client(KEY, SECRET)


@step
def bucket():
    S3.create_bucket(Bucket="clinic")
    return [found["Name"] for found in S3.list_buckets()["Buckets"]]


@step
def put():
    answers = [
        S3.put_object(Bucket="clinic", Key="people.csv", Body=CSV.encode(), ContentType="text/csv"),
        S3.put_object(Bucket="clinic", Key="a b/ä.json", Body=JSON, ContentType="application/json"),
        S3.put_object(Bucket="clinic", Key="unlabelled", Body=JSON),
        S3.put_object(Bucket="clinic", Key="plain.txt", Body=PLAIN, ContentType="text/plain"),
        S3.put_object(Bucket="clinic", Key="checked", Body=PLAIN, ChecksumAlgorithm="SHA256"),
    ]
    return [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers]


@step
def get():
    keys = ["people.csv", "a b/ä.json", "unlabelled", "plain.txt"]
    return [S3.get_object(Bucket="clinic", Key=key)["Body"].read().decode() for key in keys]


@step
def get_checked():
    return S3.get_object(Bucket="clinic", Key="checked", ChecksumMode="ENABLED")["Body"].read().decode()


@step
def listed():
    found = S3.list_objects_v2(Bucket="clinic")["Contents"]
    return [[entry["Key"], entry["Size"], entry["ETag"]] for entry in found]


@step
def head():
    found = S3.head_object(Bucket="clinic", Key="plain.txt")
    return [found["ContentLength"], found["ETag"]]


@step
def presigned():
    # The service knows no way to check a signature in a query.
    requests.post(f"{DIRECT}/moto-api/reset-auth", data=b"1000000", timeout=30).raise_for_status()
    address = S3.generate_presigned_url("get_object", Params={"Bucket": "clinic", "Key": "people.csv"})
    shown = requests.get(address, timeout=30).text
    requests.post(f"{DIRECT}/moto-api/reset-auth", data=b"0", timeout=30).raise_for_status()
    return shown


@step
def copied():
    S3.copy_object(Bucket="clinic", Key="copy.csv", CopySource={"Bucket": "clinic", "Key": "people.csv"})
    return S3.get_object(Bucket="clinic", Key="copy.csv")["Body"].read().decode()


@step
def multipart():
    data = b"line of a long file\n" * 800_000
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20, max_concurrency=3)
    S3.upload_fileobj(io.BytesIO(data), "clinic", "long", Config=config)
    found = S3.head_object(Bucket="clinic", Key="long")
    back = S3.get_object(Bucket="clinic", Key="long")["Body"].read()
    return [found["ETag"], found["ContentLength"], back == data]


@step
def missing():
    try:
        S3.get_object(Bucket="clinic", Key="nothing")
    except ClientError as error:
        return error.response["Error"]["Code"]


@step
def wrongly_signed():
    try:
        client(KEY, "wrong").get_object(Bucket="clinic", Key="plain.txt")
    except ClientError as error:
        return error.response["Error"]["Code"]


@step
def delete_refused():
    S3.delete_object(Bucket="clinic", Key="people.csv")


@step
def delete_many_refused():
    S3.delete_objects(Bucket="clinic", Delete={"Objects": [{"Key": "people.csv"}, {"Key": "plain.txt"}]})


@step
def still_there():
    direct = boto3.client(
        "s3", endpoint_url=DIRECT, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    return "people.csv" in [entry["Key"] for entry in direct.list_objects_v2(Bucket="clinic")["Contents"]]


steps.run()
