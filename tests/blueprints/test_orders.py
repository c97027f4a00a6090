"""An order's page and what can be done with it."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain.orders import OrderStatus
from storefront.domain.payments import PaymentStatus, RefundReason
from storefront.process import Process
from storefront.services import holds
from storefront.services.payments import refunds
from storefront.stores import Stores
from storefront.web.order_access import view_key
from tests.support.client import add, checkout, fields, new_browser, ordered, readable
from tests.support.factories import DECLINED_CARD, lapse, pay_page, product
from tests.support.stripe_control import unavailable
from tests.support.worker import work

POSTS = ["payment", "extension", "cancellation", "reorder", "confirmation", "address", "link"]


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
    stranger = new_browser(app)
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
    stranger = new_browser(app)
    answer = stranger.post(url(order_id, part), data={"email": "ada@example.com"})
    assert answer.status_code == 404
    assert readable(answer)
    after = stores.orders.view(order_id)
    assert (after.status, after.expires_at, after.events) == (before.status, before.expires_at, before.events)


@pytest.mark.parametrize("part", ["payment", "extension", "cancellation", "reorder", "address"])
def test_who_came_by_a_link_sees_and_changes_nothing(
    app: Flask, stores: Stores, order_id: UUID, part: str
) -> None:
    guest = by_link(app, order_id)
    assert guest.get(url(order_id)).status_code == 200
    refused = guest.post(url(order_id, part))
    assert refused.status_code == 403
    assert readable(refused)
    assert f'action="{url(order_id, "link")}"' in refused.text, "it offers the way"
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


def by_link(app: Flask, order_id: UUID, until: float = 1e10) -> FlaskClient:
    with app.test_request_context():
        key = view_key(order_id, int(until))
    guest = new_browser(app)
    guest.get(url(order_id), query_string={"key": key})
    return guest


def test_a_link_leaves_no_key_in_the_address(app: Flask, order_id: UUID) -> None:
    with app.test_request_context():
        key = view_key(order_id, 10_000_000_000)
    guest = new_browser(app)
    answer = guest.get(url(order_id), query_string={"key": key})
    assert (answer.status_code, answer.location) == (303, url(order_id))
    page = guest.get(url(order_id))
    assert key not in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_a_link_does_not_tell_the_address_that_shows_the_rest(
    app: Flask, client: FlaskClient, stores: Stores, process: Process, order_id: UUID
) -> None:
    """Telling the e-mail is what turns a link into more, so the page must not give it away."""
    guest = by_link(app, order_id)
    pages = [guest.get(url(order_id)).text]
    pay(client, order_id)
    client.get(url(order_id, "return"))
    pages.append(guest.get(url(order_id)).text)
    work(process)
    pages.append(guest.get(url(order_id)).text)
    for secret in ("ada@example.com", "Ada Marsh", "12 Mill Lane", "97201"):
        assert [page for page in pages if secret in page] == []
    assert "Portland" in pages[0]


@pytest.mark.parametrize("key", ["", "x", "\x00", "é", "WyJhIl0.x", "." * 500, "[]"])
def test_a_key_that_is_not_ours_is_a_404(app: Flask, order_id: UUID, key: str) -> None:
    stranger = new_browser(app)
    for part in ("", "return"):
        answer = stranger.get(url(order_id, part), query_string={"key": key})
        assert answer.status_code == 404
        assert readable(answer)
    assert stranger.get(url(order_id)).status_code == 404


def test_a_link_of_another_order_or_one_that_is_too_old_shows_nothing(
    app: Flask, stores: Stores, order_id: UUID
) -> None:
    other = new_browser(app)
    theirs = ordered(other, product(stores))
    assert by_link(app, theirs).get(url(order_id)).status_code == 404
    assert by_link(app, order_id, until=1).get(url(order_id)).status_code == 404


@pytest.mark.parametrize("part", [*POSTS, ""])
def test_a_visit_to_what_takes_a_form_is_a_readable_405(
    client: FlaskClient, order_id: UUID, part: str
) -> None:
    if part in ("", "address", "link"):
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
    fresh = new_browser(app)
    answer = fresh.get(back.removeprefix("http://127.0.0.1"))
    assert (answer.status_code, answer.location) == (303, url(order_id))
    assert fresh.get(url(order_id)).status_code == 200
    assert fresh.post(url(order_id, "cancellation")).status_code == 403


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
    with unavailable(stripe):
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
    with unavailable(stripe):
        answer = client.post(url(order_id, "payment"))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert readable(answer)
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


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
    before = stores.orders.summary(order_id).expires_at
    assert client.post(url(order_id, "extension")).location == url(order_id)
    assert stores.orders.summary(order_id).expires_at > before
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
    holds.expire_lapsed(stores, process.stripe)
    assert status(client, order_id) == "expired"
    answer = client.post(url(order_id, "reorder"))
    assert answer.location == "/cart"
    assert client.get_cookie("cart_count").value == "2"  # type: ignore[union-attr]
    assert client.post(url(order_id, "reorder")).status_code == 409


# --- cancelling


def test_cancelling_an_unpaid_order(client: FlaskClient, stores: Stores, order_id: UUID) -> None:
    assert client.post(url(order_id, "cancellation")).location == url(order_id)
    assert status(client, order_id) == "cancelled"
    assert stores.carts.active(stores.orders.summary(order_id).user_id).lines == ()


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
    with unavailable(stripe):
        answer = client.post(url(order_id, "cancellation"), data={"restore": "1"})
    assert answer.status_code == 503
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


def test_cancelling_a_paid_order_gives_the_money_back(
    client: FlaskClient, stores: Stores, process: Process, order_id: UUID
) -> None:
    pay(client, order_id)
    client.get(url(order_id, "return"))
    client.post(url(order_id, "cancellation"))
    assert "Your money is going back" in client.get(url(order_id)).text
    work(process)
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.REFUNDED
    assert "You cancelled this order" in client.get(url(order_id)).text


def test_a_part_that_goes_back_is_told_on_the_page_and_the_order_goes_on(
    client: FlaskClient, stores: Stores, process: Process, order_id: UUID
) -> None:
    pay(client, order_id)
    client.get(url(order_id, "return"))
    (line,) = stores.orders.view(order_id).lines
    refunds.refund(stores, order_id, restock=True, reason=RefundReason.OPERATOR, units={line.sku: 1})
    page = " ".join(client.get(url(order_id)).text.split())
    assert f"$12.00 for 1 × {line.name} is on its way back to your card." in page
    assert "Part of your money is going back" in page
    assert "2 × $12.00, 1 refunded" in page
    assert "−$12.00" in page
    assert 'data-status="paid"' in page
    work(process)
    page = " ".join(client.get(url(order_id)).text.split())
    assert f"$12.00 for 1 × {line.name} went back to your card." in page
    assert 'data-status="preparing"' in page


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
    stranger = new_browser(app)
    page = stranger.get("/orders")
    assert page.status_code == 200
    assert str(order_id) not in page.text
    assert fields(client.get(url(order_id)), url(order_id, "payment")) is not None
