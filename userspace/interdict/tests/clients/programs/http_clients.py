"""Python's HTTP clients against static files.

Arguments: the port of HTTP/1.1, the port of HTTP/2 in clear.
"""

import asyncio
import sys

import httpx
import requests
import steps
from steps import step

ONE = f"http://127.0.0.1:{steps.PORT}"
TWO = f"http://127.0.0.1:{sys.argv[2]}"
FILES = ["patients.json", "patients.ndjson", "patients.csv", "notes.txt", "plain.json", "pixels.bin"]


def shown(response):
    return [response.status_code, response.headers.get("content-type"), response.content.decode("latin1")]


@step
def requests_files():
    with requests.Session() as session:
        return [shown(session.get(f"{ONE}/{name}", timeout=30)) for name in FILES]


@step
def requests_gzip():
    answer = requests.get(f"{ONE}/gzip/patients.json", timeout=30)
    return [answer.headers["content-encoding"], answer.text]


@step
def requests_lines_as_they_come():
    with requests.get(f"{ONE}/patients.ndjson", stream=True, timeout=30) as answer:
        return [line.decode() for line in answer.iter_lines()]


@step
def requests_json_is_json():
    return requests.get(f"{ONE}/patients.json", timeout=30).json()


@step
def requests_missing():
    return requests.get(f"{ONE}/missing", timeout=30).status_code


@step
def requests_head():
    answer = requests.head(f"{ONE}/plain.json", timeout=30)
    return [answer.status_code, len(answer.content)]


@step
def requests_not_modified():
    tag = requests.get(f"{ONE}/plain.json", timeout=30).headers["etag"]
    answer = requests.get(f"{ONE}/plain.json", headers={"If-None-Match": tag}, timeout=30)
    return [answer.status_code, len(answer.content)]


@step
def requests_refused():
    answer = requests.delete(f"{ONE}/plain.json", timeout=30)
    answer.raise_for_status()


@step
def httpx_one():
    with httpx.Client(http2=False) as client:
        return [shown(client.get(f"{ONE}/{name}")) for name in FILES]


@step
def httpx_two():
    with httpx.Client(http1=False, http2=True) as client:
        answers = [client.get(f"{TWO}/{name}") for name in FILES]
    return [[answer.http_version, *shown(answer)] for answer in answers]


@step
def httpx_two_at_once():
    async def all_of_them():
        async with httpx.AsyncClient(http1=False, http2=True, timeout=60) as client:
            return await asyncio.gather(*(client.get(f"{TWO}/{FILES[i % 6]}") for i in range(60)))

    return [shown(answer) for answer in asyncio.run(all_of_them())]


@step
def httpx_two_gzip():
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.get(f"{TWO}/gzip/patients.json")
    return [answer.headers["content-encoding"], answer.text]


@step
def httpx_two_refused():
    with httpx.Client(http1=False, http2=True) as client:
        client.delete(f"{TWO}/plain.json").raise_for_status()


steps.run()
