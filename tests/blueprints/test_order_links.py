"""Links and look-ups show an order; to change it, one reads the order's mail."""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain.errors import NotFound
from storefront.domain.ids import UserId
from storefront.domain.orders import OrderStatus
from storefront.links import ChangeLinks
from storefront.process import Process
from storefront.services import order_links
from storefront.services.mail import send_due
from storefront.stores import Stores
from storefront.web.order_access import view_key
from tests.support.client import new_browser, readable, register, user_of
from tests.support.concurrency import at_once
from tests.support.database import sql
from tests.support.dynamodb import cut_off_dynamodb
from tests.support.factories import FORM, order, product
from tests.support.mailbox import Mailbox, body

CHANGED = {**FORM, "line1": "7 Stolen Street"}


@pytest.fixture
def order_id(stores: Stores) -> UUID:
    return order(stores)


@pytest.fixture
def guest(client: FlaskClient, stores: Stores, order_id: UUID) -> FlaskClient:
    """A browser that found the order by number and e-mail."""
    number = stores.orders.summary(order_id).number
    found = client.post("/track", data={"number": number, "email": "ada@example.com"})
    assert found.status_code == 303
    return client


@pytest.fixture
def owner(app: Flask, stores: Stores) -> FlaskClient:
    """The browser of a customer."""
    made = new_browser(app)
    made.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    register(made)
    return made


def mailed_link(process: Process, stores: Stores, mailbox: Mailbox) -> str:
    """Where the link in the newest mail leads."""
    mailbox.empty()
    send_due(process, stores)
    letter = mailbox.only()
    assert letter["To"].addresses[0].addr_spec == "ada@example.com"
    found = re.search(r"http://127\.0\.0\.1(/orders/\S+/link\?token=\S+)", body(letter))
    assert found
    assert found[1] in unescape(body(letter, "html"))
    return found[1]


def token_of(link: str) -> str:
    return link.partition("token=")[2]


def test_number_and_email_show_everything_and_change_nothing(
    guest: FlaskClient, stores: Stores, order_id: UUID
) -> None:
    page = guest.get(f"/orders/{order_id}").text
    assert "12 Mill Lane" in page
    assert f'action="/orders/{order_id}/payment"' in page
    before = stores.orders.view(order_id)
    for part in ("cancellation", "extension", "reorder", "address"):
        assert f'action="/orders/{order_id}/{part}"' not in page
        refused = guest.post(f"/orders/{order_id}/{part}", data=CHANGED)
        assert refused.status_code == 403
        assert readable(refused)
        assert "E-mail me a link" in refused.text
    assert guest.get(f"/orders/{order_id}/address").status_code == 403
    assert stores.orders.view(order_id).events == before.events
    assert stores.orders.summary(order_id).address == before.address


def test_a_customers_order_is_not_changed_by_who_knows_number_and_email(
    owner: FlaskClient, stores: Stores, client: FlaskClient
) -> None:
    theirs = order(stores, user_id=UserId(user_of(owner)))
    number = stores.orders.summary(theirs).number
    assert client.post("/track", data={"number": number, "email": "ada@example.com"}).status_code == 303
    for part in ("address", "cancellation"):
        assert client.post(f"/orders/{theirs}/{part}", data=CHANGED).status_code == 403
    assert stores.orders.summary(theirs).status is OrderStatus.PENDING
    assert owner.post(f"/orders/{theirs}/address", data=CHANGED).status_code == 303


def test_a_view_link_shows_the_rest_once_the_email_was_told(app: Flask, order_id: UUID) -> None:
    with app.test_request_context():
        key = view_key(order_id, 10**10)
    visitor = new_browser(app)
    visitor.get(f"/orders/{order_id}", query_string={"key": key})
    assert "12 Mill Lane" not in visitor.get(f"/orders/{order_id}").text
    wrong = visitor.post(f"/orders/{order_id}/confirmation", data={"email": "eve@example.com"})
    assert wrong.status_code == 422
    assert "12 Mill Lane" not in visitor.get(f"/orders/{order_id}").text
    visitor.post(f"/orders/{order_id}/confirmation", data={"email": " ADA@example.com "})
    assert "12 Mill Lane" in visitor.get(f"/orders/{order_id}").text
    assert visitor.post(f"/orders/{order_id}/cancellation").status_code == 403


def test_the_mailed_link_lets_any_browser_change_the_order_once(
    app: Flask, guest: FlaskClient, process: Process, stores: Stores, mailbox: Mailbox, order_id: UUID
) -> None:
    asked = guest.post(f"/orders/{order_id}/link")
    assert asked.status_code == 303
    assert "Look into your mail" in guest.get(asked.location).text
    link = mailed_link(process, stores, mailbox)
    phone, scanner, thief = (new_browser(app) for _ in range(3))
    for _ in range(2):  # programs that look through mails follow links
        assert scanner.get(link).status_code == 200
    assert scanner.post(f"/orders/{order_id}/cancellation").status_code == 404
    page = phone.get(link)
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in page.headers["Cache-Control"]
    assert 'name="token"' in page.text
    used = phone.post(f"/orders/{order_id}/link", data={"token": token_of(link)})
    assert (used.status_code, used.location) == (303, f"/orders/{order_id}")
    assert thief.post(f"/orders/{order_id}/link", data={"token": token_of(link)}).status_code == 404
    assert thief.get(link).status_code == 404
    assert phone.post(f"/orders/{order_id}/address", data=CHANGED).status_code == 303
    assert stores.orders.summary(order_id).address.line1 == "7 Stolen Street"
    mailbox.empty()
    send_due(process, stores)
    assert "new address" in mailbox.only()["Subject"], "each change of address is told"


def test_asking_is_answered_alike_whether_a_mail_goes_or_not(
    guest: FlaskClient, stores: Stores, order_id: UUID
) -> None:
    answers = [guest.post(f"/orders/{order_id}/link") for _ in range(order_links.MOST_AN_HOUR + 3)]
    assert len({(one.status_code, one.location) for one in answers}) == 1
    ((made,),) = sql(stores, "SELECT count(*) FROM order_links")
    assert made == order_links.MOST_AN_HOUR
    sql(stores, "UPDATE orders SET email = ''")
    assert guest.post(f"/orders/{order_id}/link").location == answers[0].location


def test_a_stranger_asks_in_vain_and_learns_nothing(app: Flask, stores: Stores, order_id: UUID) -> None:
    for one in (order_id, uuid4()):
        stranger = new_browser(app)
        assert stranger.post(f"/orders/{one}/link").status_code == 404
        assert stranger.get(f"/orders/{one}/link").status_code == 404
        assert stranger.post(f"/orders/{one}/link", data={"token": "guessed"}).status_code == 404
        assert stranger.get(f"/orders/{one}/link?token=guessed").status_code == 404
    assert sql(stores, "SELECT * FROM order_links") == []


@pytest.fixture
def token(process: Process, stores: Stores, order_id: UUID) -> str:
    """The token of a link that was asked for."""
    links = ChangeLinks(process.settings)
    order_links.ask(stores, links, order_id)
    ((nonce,),) = sql(stores, "SELECT data ->> 'nonce' FROM order_events WHERE kind = 'link_asked'")
    return links.token(str(nonce))


def test_a_link_ends_after_half_an_hour_and_is_of_one_order(
    stores: Stores, order_id: UUID, token: str
) -> None:
    assert order_links.works(stores, order_id, token)
    other = order(stores)
    assert not order_links.works(stores, other, token)
    with pytest.raises(NotFound):
        order_links.use(stores, other, token)
    sql(stores, "UPDATE order_links SET expires_at = expires_at - interval '31 minutes'")
    assert not order_links.works(stores, order_id, token)
    with pytest.raises(NotFound):
        order_links.use(stores, order_id, token)


def test_the_token_is_not_kept(stores: Stores, token: str) -> None:
    kept = str(sql(stores, "SELECT * FROM order_links")) + str(sql(stores, "SELECT * FROM order_events"))
    assert token not in kept


def test_of_many_uses_at_once_one_counts(process: Process, order_id: UUID, token: str) -> None:
    use = partial(order_links.use, order_id=order_id, token=token)
    outcomes = at_once(*(partial(use, process.stores()) for _ in range(4)))
    assert len(outcomes.results) == 1
    assert outcomes.kinds() == {NotFound}


# --- without DynamoDB


def test_an_ended_session_changes_nothing_while_dynamodb_is_unavailable(
    app: Flask, owner: FlaskClient, stores: Stores, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief, theirs = new_browser(app), order(stores, user_id=UserId(user_of(owner)))
    cookie = owner.get_cookie("shop")
    assert cookie is not None
    thief.set_cookie("shop", cookie.value)
    owner.post("/logout")
    cut_off_dynamodb(process, monkeypatch)
    assert thief.get(f"/orders/{theirs}").status_code == 200, "which one is over can't be told"
    for part in ("cancellation", "address"):
        answer = thief.post(f"/orders/{theirs}/{part}", data=CHANGED)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert readable(answer)
    assert thief.get(f"/orders/{theirs}/address").status_code == 503
    for page in ("/account", "/account/addresses", "/account/payment-methods", "/login", "/register"):
        assert thief.get(page).status_code == 503, page
    assert stores.orders.summary(theirs).status is OrderStatus.PENDING
    assert stores.orders.summary(theirs).address.line1 == "12 Mill Lane"
    assert thief.post(f"/orders/{theirs}/extension").status_code == 303, "what is held can be paid for"
