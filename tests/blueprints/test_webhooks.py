"""Where Stripe and the carrier tell what happened: signed over the raw body, safe to repeat."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.services import carts
from storefront.services.checkout import place
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.conftest import CARRIER_SECRET
from tests.support.factories import HOLD, order, pay_page, placement, product, shopper
from tests.support.stripe_control import events_of, signed, unavailable
from tests.support.till import open_page
from tests.support.worker import pack, work


@pytest.fixture
def server(app: Flask) -> FlaskClient:
    """Posts as servers do: without cookies and without what browsers say of themselves."""
    return app.test_client(use_cookies=False)


# --- Stripe


@pytest.fixture
def paid(process: Process, stores: Stores, stripe: str) -> UUID:
    """Paid at Stripe; the shop has not heard of it."""
    order_id = order(stores)
    pay_page(open_page(process, order_id))
    return order_id


def test_a_signed_event_pays_the_order_however_often_it_comes(
    server: FlaskClient, stores: Stores, stripe: str, paid: UUID
) -> None:
    (event,) = events_of(stripe, paid, "checkout.session.completed")
    for _ in range(3):
        assert server.post("/webhooks/stripe", **signed(event)).status_code == 200
    kinds = [one.kind for one in stores.orders.view(paid).events]
    assert kinds.count(EventKind.PAID) == 1


def test_while_stripe_is_away_the_event_is_asked_for_again(
    server: FlaskClient, stores: Stores, stripe: str, paid: UUID
) -> None:
    (event,) = events_of(stripe, paid, "checkout.session.completed")
    with unavailable(stripe):
        answer = server.post("/webhooks/stripe", **signed(event))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert stores.orders.summary(paid).status is OrderStatus.PENDING


def event_of(order_id: object, shop: object = "") -> dict[str, Any]:
    metadata = {"order_id": str(order_id), "shop": str(shop)} if order_id else {}
    told = {"id": "cs_1", "object": "checkout.session", "metadata": metadata}
    return {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "created": int(time.time()),
        "data": {"object": told},
    }


def test_9_ours_but_unknown_is_a_503_and_not_ours_a_200(server: FlaskClient, stores: Stores) -> None:
    ours, anothers = event_of(uuid4(), stores.shop_id), event_of(uuid4(), uuid4())
    assert server.post("/webhooks/stripe", **signed(ours)).status_code == 503
    assert server.post("/webhooks/stripe", **signed(anothers)).status_code == 200
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
    """An order whose parcel is booked."""
    order_id = order(stores, product(stores, price=0))
    work(process)
    pack(stores, order_id)
    return order_id


def code(stores: Stores, order_id: UUID) -> str:
    return stores.parcels.of(order_id)[0].tracking_code


def tell(
    server: FlaskClient,
    body: bytes | dict[str, Any],
    *,
    secret: str = CARRIER_SECRET,
    at: datetime | None = None,
    msg_id: str = "msg_1",
):
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
    assert [event.kind for event in view.events].count(EventKind.CARRIER) == 1


def test_place_and_message_may_be_missing(server: FlaskClient, stores: Stores, parcel: UUID) -> None:
    assert tell(server, step(code(stores, parcel), place=..., message=None)).status_code == 200


def test_34_a_code_that_nobody_booked_yet_is_a_202(server: FlaskClient, stores: Stores) -> None:
    for unknown in ("LF000000000", "nonsense"):
        assert tell(server, step(unknown)).status_code == 202


def test_a_time_without_a_zone_is_utc(server: FlaskClient, stores: Stores, parcel: UUID) -> None:
    assert tell(server, step(code(stores, parcel), timestamp="2026-11-01T10:00:00")).status_code == 200
    assert stores.parcels.of(parcel)[0].at == datetime(2026, 11, 1, 10, tzinfo=UTC)


# --- a warehouse books


def booking(number: str, /, **changes: Any) -> dict[str, Any]:
    data = {"order_number": number, "carrier": "DHL", "tracking_code": "JD 0146", **changes}
    return {"type": "parcel.booked", "data": {k: v for k, v in data.items() if v is not ...}}


@pytest.fixture
def packing(process: Process, stores: Stores) -> UUID:
    """An order of two mugs and three pans that is prepared."""
    mug, pan = (product(stores, f"{name}-{uuid4().hex[:6]}", price=0) for name in ("mug", "pan"))
    who = shopper()
    carts.add(stores, who, mug, 2)
    carts.add(stores, who, pan, 3)
    order_id = place(stores, placement(stores, who), HOLD)
    work(process)
    return order_id


def test_11_a_booking_counts_once_however_often_it_comes(
    server: FlaskClient, stores: Stores, packing: UUID
) -> None:
    number = stores.orders.summary(packing).number
    one = booking(number.lower().replace("-", " "), estimated_delivery="2026-12-01")
    for spelling in ("JD 0146", "jd0146", "Jd 01 46"):
        one["data"] |= {"tracking_code": spelling}
        assert tell(server, one, msg_id=f"msg_{spelling[:2]}").status_code == 200
    (parcel,) = stores.parcels.of(packing)
    assert (parcel.carrier, parcel.tracking_code) == ("DHL", "JD 0146"), "both as they were given"
    assert sorted(line.qty for line in parcel.lines) == [2, 3]
    assert str(parcel.estimated_delivery) == "2026-12-01"


def test_parcels_hold_what_is_left_and_no_more(server: FlaskClient, stores: Stores, packing: UUID) -> None:
    order_ = stores.orders.summary(packing)
    mug, pan = (line.sku for line in stores.orders.lines(order_.cart_id))
    part = {"lines": [{"sku": pan, "quantity": 1}, {"sku": pan, "quantity": 1}]}
    assert tell(server, booking(order_.number, tracking_code="1", **part)).status_code == 200
    assert tell(server, booking(order_.number, tracking_code="2", **part)).status_code == 409
    unknown = {"lines": [{"sku": "nothing", "quantity": 1}]}
    assert tell(server, booking(order_.number, tracking_code="2", **unknown)).status_code == 409
    assert tell(server, booking(order_.number, tracking_code="3")).status_code == 200
    assert tell(server, booking(order_.number, tracking_code="4")).status_code == 409
    held = [{line.sku: line.qty for line in parcel.lines} for parcel in stores.parcels.of(packing)]
    assert held == [{pan: 2}, {mug: 2, pan: 1}]


def test_an_order_that_is_not_to_be_sent_is_not_booked(
    server: FlaskClient, process: Process, stores: Stores, packing: UUID
) -> None:
    assert tell(server, booking("0000-0000")).status_code == 404
    assert tell(server, booking("nothing")).status_code == 404
    unpaid = order(stores)
    assert tell(server, booking(stores.orders.summary(unpaid).number)).status_code == 409
    paid = order(stores, product(stores, price=0))
    soon = tell(server, booking(stores.orders.summary(paid).number))
    assert (soon.status_code, bool(soon.headers["Retry-After"])) == (503, True)
    refunds.refund(stores, paid, restock=True, reason=RefundReason.OPERATOR)
    assert tell(server, booking(stores.orders.summary(paid).number)).status_code == 409
    assert tell(server, booking(stores.orders.summary(packing).number)).status_code == 200
    other = order(stores, product(stores, price=0))
    work(process)
    assert tell(server, booking(stores.orders.summary(other).number)).status_code == 409, "another's code"


WRONG_BOOKINGS: list[dict[str, Any]] = [
    {"carrier": ...},
    {"carrier": " "},
    {"tracking_code": ""},
    {"tracking_code": 7},
    {"order_number": ...},
    {"order_number": 7},
    {"lines": []},
    {"lines": {}},
    {"lines": ["mug"]},
    {"lines": [{"sku": "mug"}]},
    {"lines": [{"sku": "mug", "quantity": 0}]},
    {"lines": [{"sku": "mug", "quantity": True}]},
    {"lines": [{"sku": "mug", "quantity": "1"}]},
    {"lines": [{"sku": "mug", "quantity": 100}]},
    {"lines": [{"sku": "m\x00", "quantity": 1}]},
    {"estimated_delivery": "soon"},
    {"estimated_delivery": "2026-11-30T10:00:00"},
    {"estimated_delivery": "20261130"},
    {"estimated_delivery": "9999-12-31"},
    {"estimated_delivery": 7},
]


def test_a_booking_of_the_wrong_shape_is_a_400(server: FlaskClient, stores: Stores, packing: UUID) -> None:
    number = stores.orders.summary(packing).number
    for changes in WRONG_BOOKINGS:
        assert tell(server, booking(number, **changes)).status_code == 400, changes
    assert stores.parcels.of(packing) == ()


# --- what is no report


def test_a_type_of_no_concern_is_a_200(server: FlaskClient) -> None:
    for body in ({"type": "parcel.weighed"}, {"type": None}, {}, {"type": ["tracking.updated"]}):
        assert tell(server, body).status_code == 200
    for odd in (b"[]", b"7", b'"x"', b"null"):
        assert tell(server, odd).status_code == 200


WRONG_SHAPES: list[dict[str, Any]] = [
    {"status": "gone"},
    {"status": "preparing"},
    {"status": "cancelled"},
    {"status": ["in_transit"]},
    {"status": {}},
    {"status": None},
    {"status": ...},
    {"tracking_code": 7},
    {"tracking_code": ...},
    {"tracking_code": " "},
    {"carrier": 7},
    {"carrier": "x" * 65},
    {"estimated_delivery": "soon"},
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


def test_a_signed_step_of_the_wrong_shape_is_a_400_and_leaves_no_trace(
    server: FlaskClient, stores: Stores, parcel: UUID
) -> None:
    for changes in WRONG_SHAPES:
        answer = tell(server, step(code(stores, parcel), **changes))
        assert answer.status_code == 400, changes
    assert EventKind.CARRIER not in [event.kind for event in stores.orders.view(parcel).events]


@pytest.mark.parametrize("data", [None, [], "x", 7, ...])
def test_data_that_is_no_object_is_a_400(server: FlaskClient, data: object) -> None:
    body = {"type": "tracking.updated"} if data is ... else {"type": "tracking.updated", "data": data}
    assert tell(server, body).status_code == 400


@pytest.mark.parametrize("msg_id", ["a b", "é", "x" * 201])
def test_an_id_that_is_no_id_is_refused(
    server: FlaskClient, stores: Stores, parcel: UUID, msg_id: str
) -> None:
    assert tell(server, step(code(stores, parcel)), msg_id=msg_id).status_code == 400


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
    assert stores.orders.summary(parcel).status is OrderStatus.PREPARING


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/carrier"])
def test_a_visit_is_a_405_and_too_much_a_413(server: FlaskClient, path: str) -> None:
    assert server.get(path).status_code == 405
    assert server.post(path, data=b"x" * 300_000).status_code == 413
