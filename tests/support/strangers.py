"""Requests as nobody's browser sends them: wrong, huge, odd, out of step, and now and then right. Seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

from flask import Flask
from standardwebhooks.webhooks import Webhook
from werkzeug.routing import Rule

from tests.conftest import CARRIER_SECRET
from tests.support.factories import FORM
from tests.support.stripe_control import signed

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X" * 60]
TEXTS = [
    *(
        "",
        " ",
        "\t\r\n",
        "0",
        "-1",
        "1",
        "99",
        "100",
        "1e9",
        "9" * 400,
        "0x10",
        "٣",
        "½",
        "NaN",
        "null",
        "true",
    ),
    *("\x00", "a\x00b", "\x7f", "\ud800", "\u202e\u2066", "é" * 300, "👩\u200d👧", "x" * 70_000, "ﬀ\ufffe"),
    *("' OR 1=1--", '"; DROP TABLE orders', "%", "%%s", "_%_", "\\", "${7*7}", "{{7*7}}", "<script>alert(1)"),
    *(
        "../../etc/passwd",
        "//evil.example/",
        "http://evil.example/",
        "javascript:alert(1)",
        "/\\evil.example",
    ),
    *("[]", "{}", '{"a":', "2026-13-45", "2026-11-30T00:00:00", "9999-12-31", "0000-00-00", "-" * 64),
    *("a@b", "ada@example.com", "@", "a@" + "b" * 300 + ".c", "ada@example.com\nBcc: x@y.z", "=?utf-8?q?x?="),
]
BYTES = [b"", b"\xff\xfe", b"\x00" * 50, b"%", b"%zz", b"a=b&a=c&a[]=d", b"{", b"[" * 5000, b"&" * 5000]
HEADERS = {
    "Host": ["", "evil.example", "127.0.0.1:99999", "[::1", "a" * 300, "127.0.0.1, evil.example"],
    "Origin": ["null", "https://evil.example", "", "\u00ff"],
    "Sec-Fetch-Site": ["cross-site", "same-origin", "none", "x" * 500],
    "Cookie": ["session=x", "session=" + "a" * 6000, "cart=1; session=.eJw", "=;=;=", "\u00ff=\u00ff"],
    "HX-Request": ["true", "false", "\u00e9"],
    "Accept": ["*/*", "application/json", "text/html;q=banana", "," * 2000],
    "Accept-Encoding": ["br", "gzip;q=0", "zstd, " * 200, "*"],
    "If-None-Match": ['"x"', "*", 'W/"', '"' * 500],
    "If-Modified-Since": ["Sat, 99 Foo 2026", "0"],
    "Range": ["bytes=0-", "bytes=5-1", "bytes=" + "0-0," * 500],
    "Content-Type": ["", "text/plain", "application/json", "multipart/form-data; boundary=x"],
    "X-Forwarded-For": ["1.2.3.4", "x", "::1," * 400],
    "X-Forwarded-Host": ["evil.example"],
    "X-Forwarded-Proto": ["gopher", "https"],
    "X-Amzn-Trace-Id": ["Root=1-x", "x" * 3000, "\u00ff"],
    "Authorization": ["Basic ====", "Bearer x"],
    "Content-Length": ["-1", "abc", "0"],
    "Transfer-Encoding": ["chunked"],
    "Stripe-Signature": ["t=1,v1=00", "t=" + "9" * 30 + ",v1=", ","],
    "webhook-id": ["x", "\u00ff", "y" * 999],
    "webhook-timestamp": ["0", "9" * 40, "now"],
    "webhook-signature": ["v1,AAAA", "v1," + "A" * 3000, "v2,x v1,y"],
}  # fmt: skip
NAMES = [
    *(
        "q",
        "page",
        "category",
        "sort",
        "sku",
        "quantity",
        "number",
        "email",
        "password",
        "token",
        "key",
        "next",
    ),
    *(
        "seen",
        "before",
        "restore",
        "rest",
        "sent",
        "cart",
        "payment_token",
        "keep_card",
        "csrf_token",
        "name",
    ),
    *(
        "line1",
        "line2",
        "city",
        "region",
        "zip",
        "country",
        "phone",
        "order_id",
        "id",
        "digest",
        "total",
        "new",
    ),
]


@dataclass
class Request:
    """For ``FlaskClient.open``."""

    path: str
    method: str
    query: str = ""
    data: bytes | dict[str, Any] | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""

    def arguments(self) -> dict[str, Any]:
        return {"method": self.method, "query_string": self.query, "data": self.data, "headers": self.headers}

    def __str__(self) -> str:
        shown = {k: v[:80] for k, v in self.headers}
        sent = f"{self.method[:20]} {self.path[:120]!r}?{self.query[:80]!r}"
        return f"{sent} {self.note} {str(self.data)[:300]} {shown}"


class Strangers:
    """``requests`` of one seed are always the same; ``ids`` are orders, SKUs and such that there are."""

    def __init__(self, app: Flask, seed: int, ids: Sequence[str]) -> None:
        self._rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
        self._random = random.Random(seed)
        self._ids = list(ids)

    def requests(self, count: int, *, headers: bool = True) -> Iterator[Request]:
        for _ in range(count):
            if self._random.random() < 0.12:
                yield self._signed()
            else:
                yield self._any(headers=headers)

    def _any(self, *, headers: bool) -> Request:
        rule = self._random.choice(self._rules)
        methods = sorted(rule.methods or {"GET"})
        method = self._random.choice(methods if self._random.random() < 0.85 else METHODS)
        made = Request(self._path(rule), method, note=rule.rule)
        if self._random.random() < 0.6:
            made.query = (
                self._random.choice(BYTES).decode("latin-1") if self._random.random() < 0.1 else self._pairs()
            )
        if method not in ("GET", "HEAD") and self._random.random() < 0.9:
            made.data = self._random.choice(BYTES) if self._random.random() < 0.1 else self._form()
        if headers and self._random.random() < 0.4:
            for name in self._random.sample(list(HEADERS), self._random.randint(1, 3)):
                made.headers.append((name, self._random.choice(HEADERS[name])))
        return made

    def _path(self, rule: Rule) -> str:
        path = rule.rule
        for name in rule.arguments:
            start = path.index("<")
            end = path.index(">", start) + 1
            path = path[:start] + self._value(name) + path[end:]
        return path.encode("utf-8", "replace").decode().replace("?", "%3F").replace("#", "%23")

    def _value(self, name: str) -> str:
        if name.endswith("_id") and self._random.random() < 0.5:
            return self._random.choice([*self._ids, str(uuid4())])
        if self._random.random() < 0.4:
            return self._random.choice(self._ids)
        return self._text()[:2000].replace("\n", "").replace("\r", "") or "x"

    def _text(self) -> str:
        return self._random.choice(TEXTS)

    def _pairs(self) -> str:
        names = self._random.choices(NAMES, k=self._random.randint(1, 4))
        return "&".join(f"{name}={quote_plus(self._word(), errors='replace')[:9000]}" for name in names)

    def _word(self) -> str:
        return self._random.choice(self._ids) if self._random.random() < 0.3 else self._text()

    def _form(self) -> dict[str, Any]:
        form: dict[str, Any] = dict(FORM) if self._random.random() < 0.5 else {}
        for name in self._random.choices(NAMES, k=self._random.randint(0, 6)):
            words = [self._word() for _ in range(self._random.choice([1, 1, 1, 2]))]
            form[name] = [word.encode("utf-8", "replace").decode() for word in words]
        return form

    def _signed(self) -> Request:
        """Signed by who may sign, and still not what was agreed on."""
        if self._random.random() < 0.5:
            body = json.dumps(self._bent(_BOOKED if self._random.random() < 0.4 else _MOVED))
            name, now = f"msg_{uuid4().hex}", datetime.now(UTC)
            headers = [
                ("webhook-id", name),
                ("webhook-timestamp", str(int(now.timestamp()))),
                ("webhook-signature", Webhook(CARRIER_SECRET).sign(name, now, body)),
            ]
            return Request("/webhooks/carrier", "POST", data=body.encode(), headers=headers, note="signed")
        post = signed(json.dumps(self._bent(_PAID)).encode())
        return Request(
            "/webhooks/stripe",
            "POST",
            data=post["data"],
            headers=list(post["headers"].items()),
            note="signed",
        )

    def _bent(self, shape: Any) -> Any:
        """A copy in which something is missing, of another kind, or somebody else's."""
        if isinstance(shape, dict):
            bent = {key: self._bent(value) for key, value in shape.items() if self._random.random() > 0.04}
            if self._random.random() < 0.05:
                bent[self._text()[:50].encode("utf-8", "replace").decode()] = self._odd()
            return bent
        if isinstance(shape, list):
            return [self._bent(one) for one in shape] * self._random.choice([1, 1, 1, 0, 3])
        return self._odd() if self._random.random() < 0.12 else shape

    def _odd(self) -> Any:
        word = self._word().encode("utf-8", "replace").decode()
        return self._random.choice([None, True, -1, 0, 2**70, 1.5, [], {}, [[[]]], word, word, {"id": word}])


_MOVED: dict[str, Any] = {
    "type": "tracking.updated",
    "data": {
        "carrier": "DHL",
        "tracking_code": "NOBODYS-1",
        "status": "in_transit",
        "timestamp": "2026-01-30T09:30:00+01:00",
        "place": "Bonn",
        "message": "Moved",
        "estimated_delivery": "2026-02-02",
    },
}
_BOOKED: dict[str, Any] = {
    "type": "parcel.booked",
    "data": {
        "order_number": "0000-0000",
        "carrier": "DHL",
        "tracking_code": "NOBODYS-2",
        "lines": [{"sku": "x", "quantity": 1}],
    },
}
_PAID: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "checkout.session.completed",
    "api_version": "2026-01-01",
    "created": 1_790_000_000,
    "livemode": False,
    "data": {
        "object": {
            "id": "cs_nobodys",
            "object": "checkout.session",
            "amount_total": 100,
            "currency": "usd",
            "payment_status": "paid",
            "status": "complete",
            "payment_intent": "pi_nobodys",
            "metadata": {"order_id": "00000000-0000-4000-8000-000000000000", "shop": "another"},
        }
    },
}
