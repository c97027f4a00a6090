"""What is only read through the API: charges, disputes, events."""

from __future__ import annotations

from .errors import no_such
from .render import public
from .routing import Call, Handler, Routes, listing
from .store import Doc

routes = Routes()


def _readable(kind: str, filters: str) -> None:
    def retrieve(call: Call, id: str) -> Doc:
        doc = call.tx.get(id, kind)
        if doc is None:
            raise no_such(kind, id)
        return public(doc, call.tx.base)

    def index(call: Call) -> Doc:
        return listing(call, kind, filters)

    handlers: tuple[tuple[str, Handler], ...] = ((f"/v1/{kind}s", index), (f"/v1/{kind}s/<id>", retrieve))
    for rule, handler in handlers:
        routes.get(rule)(handler)


_readable("charge", "payment_intent customer")
_readable("dispute", "payment_intent charge")
_readable("event", "")
