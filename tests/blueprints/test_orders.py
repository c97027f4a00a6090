"""An order's page and what can be done with it."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from browsing import add, browser, checkout, fields, ordered, readable
from factories import DECLINED_CARD, lapse, pay_page, product
from flask import Flask
from flask.testing import FlaskClient
from stripe_control import away
from working import tell, work

from storefront.domain.deliveries import ShipmentStatus
from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import OrderStatus, PaymentStatus
from storefront.process import Process
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.services import expiry
from storefront.stores import Stores

POSTS = ["payment", "extension", "cancellation", "reorder", "confirmation", "address"]


@pytest.fixture
def order_id(client: FlaskClient, stores: Stores, stripe: str) -> UUID:
    """A pending order of the test's browser, with its page at Stripe open."""
    return ordered(client, product(stores, price=1200), "2")


def url(order_id: UUID, part: str = "") -> str:
    return f"/orders/{order_id}{'/' if part else ''}{part}"


def status(client: FlaskClient, order_id: UUID) -> str:
    found = re.search(r'data-status="(\w+)"', client.get(url(order_id)).text)
    assert found
    return found[1]


def pay(client: FlaskClient, order_id: UUID, card: str = "4242424242424242") -> None:
    pay_page(client.post(url(order_id, "payment")).location, card)


# --- who may


def test_the_owner_sees_the_order_and_the_way_to_pay(client: FlaskClient, order_id: UUID) -> None:
    page = client.get(url(order_id))
    assert page.status_code == 200
    assert readable(page)
    assert "$24.00" in page.text
    assert f'action="{url(order_id, "payment")}"' in page.text


@pytest.mark.parametrize("part", ["", "tracking", "return", "address"])
def test_a_strangers_order_is_a_404(app: Flask, order_id: UUID, part: str) -> None:
    stranger = browser(app)
    for one in (order_id, uuid4()):
        answer = stranger.get(url(one, part))
        assert answer.status_code == 404
        assert readable(answer)
    assert stranger.get(url(order_id, part)).text.replace(str(order_id), "") == stranger.get(
        url(uuid4(), part)
    ).text.replace(str(order_id), ""), "whether it exists is not told"


@pytest.mark.parametrize("part", POSTS)
def test_a_stranger_can_do_nothing_with_an_order(
    app: Flask, client: FlaskClient, stores: Stores, order_id: UUID, part: str
) -> None:
    before = stores.orders.view(order_id)
    stranger = browser(app)
    answer = stranger.post(url(order_id, part), data={"email": "ada@example.com"})
    assert answer.status_code == 404
    assert readable(answer)
    after = stores.orders.view(order_id)
    assert (after.status, after.expires_at, after.events) == (before.status, before.expires_at, before.events)


@pytest.mark.parametrize("part", [p for p in POSTS if p != "confirmation"])
def test_who_came_by_a_link_sees_and_changes_nothing(
    app: Flask, stores: Stores, order_id: UUID, part: str
) -> None:
    guest = by_link(app, order_id)
    assert guest.get(url(order_id)).status_code == 200
    assert guest.post(url(order_id, part)).status_code == 404
    assert stores.orders.head(order_id).status is OrderStatus.PENDING


def by_link(app: Flask, order_id: UUID, until: float = 1e10) -> FlaskClient:
    from storefront.web import shopper

    with app.test_request_context():
        key = shopper.view_key(order_id, int(until))
    guest = browser(app)
    guest.get(url(order_id), query_string={"key": key})
    return guest


def test_a_link_leaves_no_key_in_the_address(app: Flask, order_id: UUID) -> None:
    from storefront.web import shopper

    with app.test_request_context():
        key = shopper.view_key(order_id, 10_000_000_000)
    guest = browser(app)
    answer = guest.get(url(order_id), query_string={"key": key})
    assert (answer.status_code, answer.location) == (303, url(order_id))
    page = guest.get(url(order_id))
    assert key not in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_a_link_does_not_tell_the_address_that_would_let_one_change_the_order(
    app: Flask, client: FlaskClient, stores: Stores, process: Process, order_id: UUID
) -> None:
    """Confirming the e-mail is what turns a view-only link into more, so the page must not give it away."""
    guest = by_link(app, order_id)
    pages = [guest.get(url(order_id)).text]
    pay(client, order_id)
    client.get(url(order_id, "return"))
    pages.append(guest.get(url(order_id)).text)
    work(process)
    pages.append(guest.get(url(order_id)).text)
    assert [page for page in pages if "ada@example.com" in page] == []


@pytest.mark.parametrize("key", ["", "x", "\x00", "é", "WyJhIl0.x", "." * 500, "[]"])
def test_a_key_that_is_not_ours_is_a_404(app: Flask, order_id: UUID, key: str) -> None:
    stranger = browser(app)
    for part in ("", "return"):
        answer = stranger.get(url(order_id, part), query_string={"key": key})
        assert answer.status_code == 404
        assert readable(answer)
    assert stranger.get(url(order_id)).status_code == 404


def test_a_link_of_another_order_or_one_that_is_too_old_shows_nothing(
    app: Flask, stores: Stores, order_id: UUID
) -> None:
    other = browser(app)
    theirs = ordered(other, product(stores))
    assert by_link(app, theirs).get(url(order_id)).status_code == 404
    assert by_link(app, order_id, until=1).get(url(order_id)).status_code == 404


@pytest.mark.parametrize("part", [*POSTS, ""])
def test_a_visit_to_what_takes_a_form_is_a_readable_405(
    client: FlaskClient, order_id: UUID, part: str
) -> None:
    if part in ("", "address"):
        answer = client.delete(url(order_id, part))
    else:
        answer = client.get(url(order_id, part))
    assert answer.status_code == 405
    assert answer.headers["Allow"]
    assert readable(answer)


@pytest.mark.parametrize(
    "path", ["/orders/x", "/orders/1", "/orders/%00", "/orders/00000000-0000-4000-8000-000000000000/nothing"]
)
def test_odd_addresses_are_a_404(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert readable(answer)


# --- paying


def test_the_return_settles_and_leads_to_the_order(client: FlaskClient, order_id: UUID) -> None:
    pay(client, order_id)
    answer = client.get(url(order_id, "return"))
    assert (answer.status_code, answer.location) == (303, url(order_id))
    assert status(client, order_id) == "paid"


def test_the_address_stripe_leads_back_to_shows_the_order_in_a_browser_without_a_cookie(
    app: Flask, client: FlaskClient, order_id: UUID
) -> None:
    back = pay_page(client.post(url(order_id, "payment")).location).headers["Location"]
    fresh = browser(app)
    answer = fresh.get(back.removeprefix("http://127.0.0.1"))
    assert (answer.status_code, answer.location) == (303, url(order_id))
    assert fresh.get(url(order_id)).status_code == 200
    assert fresh.post(url(order_id, "cancellation")).status_code == 404


def test_back_from_stripe_without_having_paid_offers_to_pay_again(
    client: FlaskClient, order_id: UUID
) -> None:
    client.get(url(order_id, "return"))
    page = client.get(url(order_id)).text
    assert 'data-status="pending"' in page
    assert url(order_id, "payment") in page


def test_declined_is_said_and_can_be_tried_again(client: FlaskClient, order_id: UUID) -> None:
    pay(client, order_id, DECLINED_CARD)
    client.get(url(order_id, "return"))
    page = client.get(url(order_id)).text
    assert "Your card was declined" in page
    assert "Nothing was charged" in page
    assert "Try again" in page


def test_13_a_return_while_stripe_is_away_reads_checking_and_offers_no_second_payment(
    client: FlaskClient, order_id: UUID, stripe: str
) -> None:
    pay(client, order_id)
    with away(stripe):
        assert client.get(url(order_id, "return")).status_code == 303
        page = client.get(url(order_id)).text
    assert "checking your payment" in page
    assert "failed" not in page.lower()
    assert "declined" not in page
    assert f'action="{url(order_id, "payment")}"' not in page
    client.get(url(order_id, "return"))
    assert status(client, order_id) == "paid"


def test_paying_while_stripe_is_away_is_a_503_that_says_when_to_come_back(
    client: FlaskClient, stores: Stores, order_id: UUID, stripe: str
) -> None:
    with away(stripe):
        answer = client.post(url(order_id, "payment"))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert readable(answer)
    assert stores.orders.head(order_id).status is OrderStatus.PENDING


def test_paying_a_paid_order_leads_to_its_page(client: FlaskClient, order_id: UUID) -> None:
    pay(client, order_id)
    assert client.post(url(order_id, "payment")).location == url(order_id)
    assert status(client, order_id) == "paid"


def test_paying_under_htmx_is_a_navigation(client: FlaskClient, order_id: UUID) -> None:
    answer = client.post(url(order_id, "payment"), headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert "/c/pay/" in answer.headers["HX-Redirect"]


# --- the hold


def test_an_extension_is_given_once(client: FlaskClient, stores: Stores, order_id: UUID) -> None:
    before = stores.orders.head(order_id).expires_at
    assert client.post(url(order_id, "extension")).location == url(order_id)
    assert stores.orders.head(order_id).expires_at > before
    assert url(order_id, "extension") not in client.get(url(order_id)).text
    again = client.post(url(order_id, "extension"))
    assert again.status_code == 409
    assert readable(again)


def test_what_a_lapsed_order_says_and_offers(
    client: FlaskClient, stores: Stores, process: Process, order_id: UUID
) -> None:
    lapse(stores, order_id)
    page = client.get(url(order_id)).text
    assert "The hold has ended" in page
    assert url(order_id, "payment") not in page
    assert client.post(url(order_id, "payment")).location == url(order_id)
    assert client.post(url(order_id, "extension")).status_code == 409
    expiry.expire_lapsed(stores, process.stripe, "USD")
    assert status(client, order_id) == "expired"
    answer = client.post(url(order_id, "reorder"))
    assert answer.location == "/cart"
    assert client.get_cookie("cart_count").value == "2"  # type: ignore[union-attr]
    assert client.post(url(order_id, "reorder")).status_code == 409


# --- cancelling


def test_cancelling_an_unpaid_order(client: FlaskClient, stores: Stores, order_id: UUID) -> None:
    assert client.post(url(order_id, "cancellation")).location == url(order_id)
    assert status(client, order_id) == "cancelled"
    assert stores.carts.active(stores.orders.head(order_id).user_id).lines == ()


def test_changing_an_unpaid_order_cancels_it_and_puts_its_lines_into_the_cart(
    client: FlaskClient, order_id: UUID
) -> None:
    for _ in range(2):  # a double click
        client.post(url(order_id, "cancellation"), data={"restore": "1"})
    assert status(client, order_id) == "cancelled"
    assert "Cart (2)" in client.get("/cart").text


def test_cancelling_while_stripe_is_away_is_a_503_and_the_hold_stands(
    client: FlaskClient, stores: Stores, order_id: UUID, stripe: str
) -> None:
    with away(stripe):
        answer = client.post(url(order_id, "cancellation"), data={"restore": "1"})
    assert answer.status_code == 503
    assert stores.orders.head(order_id).status is OrderStatus.PENDING


def test_cancelling_a_paid_order_gives_the_money_back(
    client: FlaskClient, stores: Stores, process: Process, order_id: UUID
) -> None:
    pay(client, order_id)
    client.get(url(order_id, "return"))
    client.post(url(order_id, "cancellation"))
    assert "Your money is going back" in client.get(url(order_id)).text
    work(process)
    assert stores.orders.head(order_id).payment_status is PaymentStatus.REFUNDED
    assert "You cancelled this order" in client.get(url(order_id)).text


# --- tracking


@pytest.fixture
def shipped(client: FlaskClient, stores: Stores, process: Process, order_id: UUID) -> UUID:
    pay(client, order_id)
    client.get(url(order_id, "return"))
    work(process)
    tell(stores, order_id, ShipmentStatus.IN_TRANSIT, message="Collected from the shop", place="Salem")
    work(process)
    return order_id


def test_the_page_tells_carrier_code_estimate_and_steps(
    client: FlaskClient, stores: Stores, shipped: UUID
) -> None:
    page = client.get(url(shipped)).text
    delivery = stores.orders.head(shipped).delivery
    assert delivery is not None
    for words in ("Larkfield Post", delivery["tracking_code"], "Collected from the shop", "Salem", "Get it"):
        assert words in page
    assert 'data-status="shipped"' in page


def test_21_with_dynamodb_away_the_page_is_whole_and_says_as_of_when(
    client: FlaskClient, shipped: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away_(*_: object) -> None:
        raise StoreUnavailable("dynamodb")

    monkeypatch.setattr(Deliveries, "for_tracking", away_)
    page = client.get(url(shipped))
    assert page.status_code == 200
    assert "as of" in page.text
    assert "Collected from the shop" in page.text, "what carriers said is in Aurora too"
    assert "not found" not in page.text.lower()


def test_the_polled_part_is_a_part_for_htmx_and_a_page_without(client: FlaskClient, shipped: UUID) -> None:
    part = client.get(url(shipped, "tracking"), headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert part.text.strip().startswith("<")
    assert "HX-Request" in part.headers["Vary"]
    whole = client.get(url(shipped, "tracking"))
    assert "<html" in whole.text
    assert "HX-Request" in whole.headers["Vary"]
    restored = client.get(
        url(shipped, "tracking"), headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<html" in restored.text


def test_polling_says_nothing_new_until_something_is(
    client: FlaskClient, stores: Stores, shipped: UUID
) -> None:
    page = client.get(url(shipped)).text
    poll = re.search(r'data-hx-get="([^"]+)"', page[page.index('id="tracking"') :])
    assert poll
    address = poll[1].replace("&amp;", "&")
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 204
    tell(stores, shipped, ShipmentStatus.DELIVERED, minutes=5)
    answer = client.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert 'data-status="delivered"' in answer.text
    assert "data-hx-trigger" not in answer.text, "nothing can change any more, so polling stops"


def test_an_order_takes_three_statements_and_one_query(
    client: FlaskClient, shipped: UUID, statements: list[str], calls: list[str]
) -> None:
    client.get(url(shipped))
    statements.clear()
    calls.clear()
    assert client.get(url(shipped)).status_code == 200
    assert len(statements) <= 3, statements
    assert calls == ["Query"]


def test_an_unshipped_order_asks_dynamodb_nothing(
    client: FlaskClient, order_id: UUID, calls: list[str]
) -> None:
    client.get(url(order_id))
    assert calls == []


# --- headers


@pytest.mark.parametrize("part", ["", "tracking"])
def test_an_orders_pages_are_kept_by_nobody_and_tell_no_address(
    client: FlaskClient, order_id: UUID, part: str
) -> None:
    headers = client.get(url(order_id, part)).headers
    assert "no-store" in headers["Cache-Control"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in headers["X-Robots-Tag"]


def test_markup_in_an_address_is_shown_as_text(client: FlaskClient, stores: Stores, stripe: str) -> None:
    add(client, product(stores))
    assert checkout(client, name="<b>Ada</b>", line1="<script>x</script>").status_code == 303
    (row,) = stores.orders.newest(1)
    page = client.get(url(row.order_id)).text
    assert "<script>x" not in page
    assert "&lt;b&gt;Ada" in page


def test_the_list_shows_ones_own_orders_only(app: Flask, client: FlaskClient, order_id: UUID) -> None:
    assert str(order_id) in client.get("/orders").text
    stranger = browser(app)
    page = stranger.get("/orders")
    assert page.status_code == 200
    assert str(order_id) not in page.text
    assert fields(client.get(url(order_id)), url(order_id, "payment")) is not None
