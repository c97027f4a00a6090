"""Where Stripe and the carrier tell what happened: signed over the raw body, safe to repeat."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import CARRIER_SECRET
from factories import back, order, pay_page, product
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from stripe_control import away, events_of, signed
from working import work

from storefront.domain.orders import Kind, OrderStatus
from storefront.process import Process
from storefront.services import payments
from storefront.stores import Stores


@pytest.fixture
def server(app: Flask) -> FlaskClient:
    """Posts as servers do: without cookies and without what browsers say of themselves."""
    return app.test_client(use_cookies=False)


# --- Stripe


@pytest.fixture
def paid(process: Process, stores: Stores, stripe: str) -> UUID:
    """Paid at Stripe; the shop has not heard of it."""
    order_id = order(stores)
    pay_page(payments.start(stores, process.stripe, order_id, back, "USD"))
    return order_id


def test_a_signed_event_pays_the_order_however_often_it_comes(
    server: FlaskClient, stores: Stores, stripe: str, paid: UUID
) -> None:
    (event,) = events_of(stripe, paid, "checkout.session.completed")
    for _ in range(3):
        assert server.post("/webhooks/stripe", **signed(event)).status_code == 200
    kinds = [one.kind for one in stores.orders.view(paid).events]
    assert kinds.count(Kind.PAID) == 1


def test_while_stripe_is_away_the_event_is_asked_for_again(
    server: FlaskClient, stores: Stores, stripe: str, paid: UUID
) -> None:
    (event,) = events_of(stripe, paid, "checkout.session.completed")
    with away(stripe):
        answer = server.post("/webhooks/stripe", **signed(event))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert stores.orders.head(paid).status is OrderStatus.PENDING


def event_of(order_id: object) -> dict[str, Any]:
    metadata = {"order_id": str(order_id)} if order_id else {}
    told = {"id": "cs_1", "object": "checkout.session", "metadata": metadata}
    return {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "created": 1,
        "data": {"object": told},
    }


def test_9_ours_but_unknown_is_a_503_and_not_ours_a_200(server: FlaskClient) -> None:
    assert server.post("/webhooks/stripe", **signed(event_of(uuid4()))).status_code == 503
    assert server.post("/webhooks/stripe", **signed(event_of(None))).status_code == 200


@pytest.mark.parametrize(
    "post",
    [
        {},
        {"data": b"{}"},
        {"data": b"{}", "headers": {"Stripe-Signature": "t=1,v1=0"}},
        signed(event_of(None), secret="whsec_wrong"),
        signed(event_of(None), at=1_000_000_000),
        signed(event_of(None), at=9_000_000_000),
        signed(b"\xff\x00"),
        signed(b"[]"),
        signed(b"{}"),
    ],
)
def test_what_is_not_signed_by_stripe_is_a_400(server: FlaskClient, post: dict[str, Any]) -> None:
    answer = server.post("/webhooks/stripe", **post)
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


# --- the carrier


@pytest.fixture
def parcel(process: Process, stores: Stores) -> UUID:
    order_id = order(stores, product(stores, price=0))
    work(process)
    return order_id


def code(stores: Stores, order_id: UUID) -> str:
    delivery = stores.orders.head(order_id).delivery
    assert delivery is not None
    return str(delivery["tracking_code"])


def tell(
    server: FlaskClient,
    body: bytes | dict[str, Any],
    *,
    secret: str = CARRIER_SECRET,
    at: datetime | None = None,
    msg_id: str = "msg_1",
):  # type: ignore[no-untyped-def]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    moment = at or datetime.now(UTC)
    headers = {
        "webhook-id": msg_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(msg_id, moment, raw.decode("utf-8", "surrogateescape"))
        if _text(raw)
        else "v1,AAAA",
    }
    return server.post("/webhooks/carrier", data=raw, headers=headers, content_type="application/json")


def _text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def step(tracking_code: str, /, **changes: Any) -> dict[str, Any]:
    data = {
        "tracking_code": tracking_code,
        "status": "in_transit",
        "timestamp": datetime.now(UTC).isoformat(),
        "place": "Salem",
        "message": "Collected",
        **changes,
    }
    return {"type": "tracking.updated", "data": {k: v for k, v in data.items() if v is not ...}}


def test_a_signed_step_moves_the_parcel_however_often_it_comes(
    server: FlaskClient, stores: Stores, parcel: UUID
) -> None:
    for _ in range(3):
        assert tell(server, step(code(stores, parcel))).status_code == 200
    view = stores.orders.view(parcel)
    assert view.status is OrderStatus.SHIPPED
    assert [event.kind for event in view.events].count(Kind.CARRIER) == 1


def test_place_and_message_may_be_missing(server: FlaskClient, stores: Stores, parcel: UUID) -> None:
    assert tell(server, step(code(stores, parcel), place=..., message=None)).status_code == 200


def test_a_code_that_is_not_known_yet_is_a_503(server: FlaskClient, stores: Stores) -> None:
    for unknown in ("LF00000000" + "0", "nonsense", ""):
        assert tell(server, step(unknown)).status_code == 503


def test_a_type_of_no_concern_is_a_200(server: FlaskClient) -> None:
    for body in ({"type": "parcel.weighed"}, {"type": None}, {}, {"type": ["tracking.updated"]}):
        assert tell(server, body).status_code == 200
    for odd in (b"[]", b"7", b'"x"', b"null"):
        assert tell(server, odd).status_code == 200


WRONG_SHAPES: list[dict[str, Any]] = [
    {"status": "lost"},
    {"status": "preparing"},
    {"status": "cancelled"},
    {"status": ["in_transit"]},
    {"status": {}},
    {"status": None},
    {"status": ...},
    {"tracking_code": 7},
    {"tracking_code": ...},
    {"tracking_code": "x" * 65},
    {"tracking_code": "a\x00"},
    {"timestamp": "yesterday"},
    {"timestamp": 1},
    {"timestamp": None},
    {"timestamp": "0001-01-01T00:00:00+14:00"},
    {"timestamp": "9999-12-31T23:59:59-14:00"},
    {"timestamp": "1970-01-01T00:00:00Z"},
    {"timestamp": (datetime.now(UTC) + timedelta(days=9)).date().isoformat()},
    {"place": "x" * 201},
    {"place": ["x"]},
    {"place": "a\nb"},
    {"message": "x" * 501},
    {"message": "\ud800"},
]


def test_a_signed_step_of_the_wrong_shape_is_a_422_and_leaves_no_trace(
    server: FlaskClient, stores: Stores, parcel: UUID
) -> None:
    for changes in WRONG_SHAPES:
        answer = tell(server, step(code(stores, parcel), **changes))
        assert answer.status_code == 422, changes
    assert Kind.CARRIER not in [event.kind for event in stores.orders.view(parcel).events]


@pytest.mark.parametrize("data", [None, [], "x", 7, ...])
def test_data_that_is_no_object_is_a_422(server: FlaskClient, data: object) -> None:
    body = {"type": "tracking.updated"} if data is ... else {"type": "tracking.updated", "data": data}
    assert tell(server, body).status_code == 422


@pytest.mark.parametrize("msg_id", ["a b", "é", "x" * 201])
def test_an_id_that_is_no_id_is_refused(
    server: FlaskClient, stores: Stores, parcel: UUID, msg_id: str
) -> None:
    assert tell(server, step(code(stores, parcel)), msg_id=msg_id).status_code in (400, 422)


def test_what_the_carrier_did_not_sign_is_a_400(server: FlaskClient, stores: Stores, parcel: UUID) -> None:
    good = step(code(stores, parcel))
    other = "whsec_" + "bm90IHRoZSBzZWNyZXQgb2YgdGhlIGNhcnJpZXIgYXQgYWxs"
    now = datetime.now(UTC)
    answers = [
        tell(server, good, secret=other),
        tell(server, good, at=now - timedelta(minutes=6)),
        tell(server, good, at=now + timedelta(minutes=6)),
        server.post("/webhooks/carrier", json=good),
        server.post("/webhooks/carrier", data=b"\xff\xfe"),
        tell(server, b"\xff\xfe\x00"),
        tell(server, b"{"),
        tell(server, b""),
        tell(server, b"[" * 50_000),
        server.post(
            "/webhooks/carrier",
            data=b"{}",
            headers={"webhook-id": "m", "webhook-timestamp": "x", "webhook-signature": "\xe9"},
        ),
        server.post(
            "/webhooks/carrier",
            data=b"{}",
            headers={"webhook-id": "m", "webhook-timestamp": "9" * 400, "webhook-signature": "v1,"},
        ),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert stores.orders.head(parcel).status is OrderStatus.PREPARING


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/carrier"])
def test_a_visit_is_a_405_and_too_much_a_413(server: FlaskClient, path: str) -> None:
    assert server.get(path).status_code == 405
    assert server.post(path, data=b"x" * 300_000).status_code == 413
