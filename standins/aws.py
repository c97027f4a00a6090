"""moto's server as DynamoDB and SES, with a memory that outlives it.

``python -m standins.aws --port N --data DIR``

moto keeps everything in memory and isn't thread-safe. So requests go through one lock, and every one that
changes DynamoDB is in a synced journal before it is answered. Mail is written to DIR/mail, a file each.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.utils import parseaddr
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.utilities import dynamo_json_dump
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.ses.models import ses_backends
from werkzeug.serving import make_server

from standins.journal import Journal, Record, read, rewrite, sync_folder

API = "DynamoDB_20120810."
ITEM_CHANGES = frozenset(["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"])
TABLE_CHANGES = frozenset(
    ["CreateTable", "DeleteTable", "UpdateTable", "UpdateTimeToLive", "TagResource", "UntagResource"]
)
BATCH = 25
"""Items in a BatchWriteItem at most; it is ten times as fast as one PutItem each."""
SHORTEN_AFTER = 20_000
"""Records: some 40 s to play."""
MAIL_PATH = "/v2/email/outbound-emails"
BODY_LIMIT = 17 * 1024 * 1024
"""Bytes: DynamoDB's largest request, BatchWriteItem, takes 16 MiB."""

Answer = tuple[int, list[tuple[str, str]], bytes]


class Aws:
    """The WSGI app: only signed requests to DynamoDB and SES get through to moto.

    That also keeps out moto's own ``/moto-api/reset``, and web pages, which can't sign.
    """

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._mail = data / "mail"
        self._mail.mkdir(exist_ok=True)
        self._moto: WSGIApplication = DomainDispatcherApplication(create_backend_app)
        self._lock = Lock()
        self._path = data / "dynamodb.jsonl"
        self._tables: list[Record] = []
        self._play()
        self._shorten()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._answer(environ)
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        service, region = _signed_for(environ.get("HTTP_AUTHORIZATION", ""))
        path = environ["PATH_INFO"]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > BODY_LIMIT:
            return 413, [], b""
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            if service == "dynamodb" and path == "/":
                return self._dynamodb(environ, region, body)
            if service == "ses" and path.startswith("/v2/email/"):
                return self._ses(environ, region, body)
        return 404, [("Content-Type", "text/plain")], b"Only DynamoDB and SES v2 are here.\n"

    def _dynamodb(self, environ: dict[str, Any], region: str, body: bytes) -> Answer:
        answer = _call(self._moto, environ)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(API)
        if answer[0] == 200 and operation in ITEM_CHANGES | TABLE_CHANGES:
            record = {"region": region, "operation": operation, "body": json.loads(body)}
            try:
                self._journal.append(record)
                self._note(record)
                if self._journal.appended >= SHORTEN_AFTER:
                    self._shorten()
            except OSError as error:
                # Memory now holds what the disk doesn't. Only a fresh start brings the two together again.
                print(f"aws: the journal can't be written: {error}", file=sys.stderr, flush=True)
                os._exit(1)
        return answer

    def _ses(self, environ: dict[str, Any], region: str, body: bytes) -> Answer:
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != MAIL_PATH:
            return _call(self._moto, environ)
        message = json.loads(body)
        # The real SES wants each sender verified once, by hand; here there is nobody to do it.
        sender = parseaddr(message.get("FromEmailAddress", ""))[1]
        ses_backends[DEFAULT_ACCOUNT_ID][region].verify_email_identity(sender)
        answer = _call(self._moto, environ)
        if answer[0] == 200:
            self._keep_mail(json.loads(answer[2])["MessageId"], _as_eml(message))
        return answer

    def _keep_mail(self, message_id: str, eml: bytes) -> None:
        """Named so that sorting by name sorts by time."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f".{time.time_ns() % 10**9:09}"
        path = self._mail / f"{stamp}-{message_id}.eml"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(eml)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(self._mail)

    def _play(self) -> None:
        for record in read(self._path):
            status, _, answer = self._request(record["region"], record["operation"], record["body"])
            if status == 200:
                self._note(record)
            else:
                failed = f"{record['operation']} of the journal failed: {answer[:200]!r}"
                print(f"aws: {failed}", file=sys.stderr, flush=True)

    def _note(self, record: Record) -> None:
        """Remember what was done to the tables that are there."""
        if record["operation"] == "DeleteTable":
            gone = record["region"], _table_name(record)
            self._tables = [t for t in self._tables if (t["region"], _table_name(t)) != gone]
        elif record["operation"] in TABLE_CHANGES:
            self._tables.append(record)

    def _shorten(self) -> None:
        """Replace the journal by a shorter one that leads to the same state."""
        rewrite(self._path, self._present())
        self._journal = Journal(self._path)

    def _present(self) -> Iterator[Record]:
        yield from self._tables
        for created in self._tables:
            if created["operation"] != "CreateTable":
                continue
            region, name = created["region"], _table_name(created)
            items = dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables[name].all_items()
            # Through moto's own encoder: its items hold bytes and objects that plain JSON can't.
            wired = (json.loads(dynamo_json_dump(item.to_json()["Attributes"])) for item in items)
            puts = ({"PutRequest": {"Item": item}} for item in wired)
            while batch := list(islice(puts, BATCH)):
                body = {"RequestItems": {name: batch}}
                yield {"region": region, "operation": "BatchWriteItem", "body": body}

    def _request(self, region: str, operation: str, body: Any) -> Answer:
        """As if it had come over the network."""
        raw = json.dumps(body).encode()
        scope = f"Credential=standin/20000101/{region}/dynamodb/aws4_request"
        return _call(
            self._moto,
            {
                "REQUEST_METHOD": "POST",
                "SCRIPT_NAME": "",
                "PATH_INFO": "/",
                "QUERY_STRING": "",
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "HTTP_HOST": "127.0.0.1",
                "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
                "HTTP_X_AMZ_TARGET": API + operation,
                "CONTENT_TYPE": "application/x-amz-json-1.0",
                "CONTENT_LENGTH": str(len(raw)),
                "wsgi.version": (1, 0),
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(raw),
                "wsgi.errors": sys.stderr,
                "wsgi.multithread": True,
                "wsgi.multiprocess": False,
                "wsgi.run_once": False,
            },
        )


class _QuietHandler(MotoRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a line for every call would drown what matters."""


def _signed_for(authorization: str) -> tuple[str, str]:
    """Service and region of a signed request's scope (SigV4); two empty strings if it isn't one."""
    _, _, credential = authorization.partition("Credential=")
    scope = credential.split(",", 1)[0].split("/")
    return (scope[3], scope[2]) if len(scope) == 5 else ("", "")


def _call(app: WSGIApplication, environ: dict[str, Any]) -> Answer:
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None, /) -> Any:
        answer[:] = [int(status[:3]), headers]

    parts = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return answer[0], answer[1], body


def _table_name(record: Record) -> str:
    """Of a table change; tags name their table by ARN."""
    body = record["body"]
    return str(body.get("TableName") or body.get("ResourceArn", "").rpartition("/")[2])


def _as_eml(message: dict[str, Any]) -> bytes:
    """The mail as it would go out: raw as it came, a simple one put together."""
    content = message["Content"]
    if "Raw" in content:
        return base64.b64decode(content["Raw"]["Data"])
    simple = content["Simple"]
    mail = EmailMessage()
    mail["From"] = message["FromEmailAddress"]
    mail["To"] = ", ".join(message.get("Destination", {}).get("ToAddresses", []))
    mail["Subject"] = simple["Subject"]["Data"]
    mail.set_content(simple["Body"].get("Text", {}).get("Data", ""))
    if "Html" in simple["Body"]:
        mail.add_alternative(simple["Body"]["Html"]["Data"], subtype="html")
    return mail.as_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(prog="standins.aws")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    os.umask(0o077)  # names, addresses and mails are in its files
    app = Aws(arguments.data)
    server = make_server("127.0.0.1", arguments.port, app, threaded=True, request_handler=_QuietHandler)
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
