"""A cookie that somebody copied is worth nothing after whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain.ids import UserId
from storefront.domain.orders import Actor
from storefront.domain.shoppers import ClaimState
from storefront.process import Process
from storefront.repositories.dynamodb.accounts import Accounts
from storefront.services import cancellation, shopper_claims
from storefront.services.cart_merge import merge
from storefront.stores import Stores
from tests.support.client import PASSWORD, new_browser, new_email, register, user_of
from tests.support.database import plant
from tests.support.dynamodb import cut_off_dynamodb
from tests.support.factories import FORM, order, product

NEW_PASSWORD = "a longer walk by the river"


@dataclass
class Theft:
    """An owner's browser with a full cart and an order, and a browser that bears a copy of its cookies."""

    owner: FlaskClient
    thief: FlaskClient
    who: UUID
    sku: str
    order_id: UUID
    email: str = ""


Steal = Callable[..., Theft]


@pytest.fixture
def steal(app: Flask, stores: Stores) -> Steal:
    def made(*, signed_in: bool) -> Theft:
        owner, thief, sku = new_browser(app), new_browser(app), product(stores)
        owner.post("/cart/items", data={"sku": sku, "quantity": "2"})
        email = register(owner) if signed_in else ""
        who = user_of(owner)
        theft = Theft(owner, thief, who, sku, order(stores, user_id=UserId(who)), email)
        owner.post("/cart/items", data={"sku": sku, "quantity": "2"})
        copy(owner, thief)
        assert f"/cart/items/{sku}" in thief.get("/cart").text
        assert thief.get(f"/orders/{theft.order_id}").status_code == 200
        return theft

    return made


def copy(source: FlaskClient, target: FlaskClient) -> None:
    cookie = source.get_cookie("shop")
    assert cookie is not None
    target.set_cookie("shop", cookie.value)


def worth_nothing(app: Flask, stores: Stores, theft: Theft) -> None:
    """Tries what a thief would, each time with the cookie as it was copied."""
    cookie = theft.thief.get_cookie("shop")
    assert cookie is not None

    def thief() -> FlaskClient:
        browser = new_browser(app)
        browser.set_cookie("shop", cookie.value)
        return browser

    before = stores.orders.view(theft.order_id)
    lines = stores.carts.active(theft.who).lines
    url = f"/orders/{theft.order_id}"
    assert theft.sku not in thief().get("/cart").text
    assert "Unpaid" not in thief().get("/cart").text
    assert thief().get("/checkout").location == "/cart"
    assert str(theft.order_id) not in thief().get("/orders").text
    for part in ("", "/tracking", "/return", "/address"):
        assert thief().get(url + part).status_code == 404
    for part in ("/payment", "/extension", "/cancellation", "/reorder", "/confirmation", "/address"):
        assert thief().post(url + part, data={**FORM, "email": before.email}).status_code == 404
    assert before.email not in thief().get(f"/register?order_id={theft.order_id}").text
    assert thief().get("/account").status_code == 303
    assert thief().post("/cart/items", data={"sku": theft.sku, "quantity": "1"}).status_code == 303
    assert thief().post(f"/cart/items/{theft.sku}", data={"quantity": "9"}).status_code == 404

    made, merged = thief(), thief()
    assert user_of(made) == theft.who
    email = register(made, order_id=str(theft.order_id))
    assert user_of(made) != theft.who
    assert made.get(url).status_code == 404
    assert merged.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303
    assert theft.sku not in merged.get("/cart").text
    assert merged.get(url).status_code == 404

    assert stores.orders.view(theft.order_id).events == before.events
    assert stores.orders.summary(theft.order_id).user_id == before.user_id
    assert stores.carts.active(theft.who).lines == lines


def test_after_registering(app: Flask, stores: Stores, steal: Steal) -> None:
    theft = steal(signed_in=False)
    register(theft.owner)
    assert user_of(theft.owner) == theft.who, "registering keeps the shopper's id"
    worth_nothing(app, stores, theft)
    assert f"/cart/items/{theft.sku}" in theft.owner.get("/cart").text
    assert theft.owner.get(f"/orders/{theft.order_id}").status_code == 200


def test_after_signing_in_merged_the_cart_away(app: Flask, stores: Stores, steal: Steal) -> None:
    member = new_browser(app)
    email = register(member)
    theft = steal(signed_in=False)
    assert theft.owner.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303
    worth_nothing(app, stores, theft)
    assert f"/cart/items/{theft.sku}" in theft.owner.get("/cart").text
    assert theft.owner.get(f"/orders/{theft.order_id}").status_code == 200, "it placed that order"


def test_after_signing_out(app: Flask, stores: Stores, steal: Steal) -> None:
    theft = steal(signed_in=True)
    theft.owner.post("/logout")
    worth_nothing(app, stores, theft)


def test_after_a_new_password(app: Flask, stores: Stores, steal: Steal) -> None:
    theft = steal(signed_in=True)
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert theft.owner.post("/account/password", data=form).status_code == 303
    worth_nothing(app, stores, theft)
    assert theft.owner.get(f"/orders/{theft.order_id}").status_code == 200


@pytest.mark.parametrize("signed_in", [True, False])
def test_after_the_account_was_deleted(
    app: Flask, stores: Stores, process: Process, steal: Steal, signed_in: bool
) -> None:
    """Both the account's own cookie and the guest's from before it registered."""
    theft = steal(signed_in=signed_in)
    if not signed_in:
        register(theft.owner)
    cancellation.cancel(stores, process.stripe, theft.order_id, by=Actor.SHOPPER)
    assert theft.owner.post("/account/deletion", data={"password": PASSWORD}).status_code == 303
    assert stores.accounts.profile(theft.who) is None
    worth_nothing(app, stores, theft)


def test_without_its_claim_the_copy_is_the_owner(app: Flask, stores: Stores, steal: Steal) -> None:
    """The negative control: what holds all of the above is one row."""
    theft = steal(signed_in=False)
    register(theft.owner)
    plant(stores, "DELETE FROM shopper_claims")
    with pytest.raises(AssertionError):
        worth_nothing(app, stores, theft)


def test_a_copy_is_worth_nothing_while_dynamodb_is_unavailable(
    app: Flask, stores: Stores, process: Process, steal: Steal, monkeypatch: pytest.MonkeyPatch
) -> None:
    theft = steal(signed_in=False)
    register(theft.owner)
    cut_off_dynamodb(process, monkeypatch)
    assert theft.thief.get(f"/orders/{theft.order_id}").status_code == 404
    assert theft.sku not in theft.thief.get("/cart").text
    guest = new_browser(app)
    guest.post("/cart/items", data={"sku": theft.sku, "quantity": "1"})
    assert f"/cart/items/{theft.sku}" in guest.get("/cart").text, "guests do without"


# --- the session at sign-in


def test_session_fixation(app: Flask, stores: Stores) -> None:
    """A cookie that was planted before signing in is not the signed-in one, nor leads to it."""
    attacker, victim = new_browser(app), new_browser(app)
    attacker.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    copy(attacker, victim)
    email = new_email()
    register(victim, email)
    planted, now = attacker.get_cookie("shop"), victim.get_cookie("shop")
    assert planted is not None
    assert now is not None
    assert planted.value != now.value
    assert attacker.get("/account").status_code == 303
    victim.post("/cart/items", data={"sku": product(stores, name="A private thing"), "quantity": "1"})
    assert "A private thing" in victim.get("/cart").text
    assert "A private thing" not in attacker.get("/cart").text


# --- registrations that end half-way


def test_a_crash_between_claim_and_account_leaves_a_guest(
    client: FlaskClient, stores: Stores, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = product(stores)
    client.post("/cart/items", data={"sku": sku, "quantity": "1"})
    shopper_claims.begin(stores, user_of(client))
    assert f"/cart/items/{sku}" in client.get("/cart").text
    cut_off_dynamodb(process, monkeypatch)
    answer = client.get("/cart")
    assert answer.status_code == 503, "nobody can tell whose it is, so it is shown to nobody"
    assert "Retry-After" in answer.headers


def test_a_crash_after_the_account_leaves_no_guest(
    app: Flask, stores: Stores, steal: Steal, monkeypatch: pytest.MonkeyPatch
) -> None:
    theft = steal(signed_in=False)
    monkeypatch.setattr(shopper_claims, "keep", lambda *_: None)
    register(theft.owner)
    assert stores.shopper_claims.of(theft.who) is ClaimState.REGISTERING
    worth_nothing(app, stores, theft)


def test_a_cart_is_not_merged_away_while_its_shopper_registers(stores: Stores, client: FlaskClient) -> None:
    sku = product(stores)
    client.post("/cart/items", data={"sku": sku, "quantity": "1"})
    who = user_of(client)
    shopper_claims.begin(stores, who)
    thief = UUID(int=7)
    merge(stores, who, thief, "eve@example.com")
    assert stores.carts.active(thief).lines == ()
    assert [line.sku for line in stores.carts.active(who).lines] == [sku]


def test_an_email_that_is_taken_leaves_a_guest(
    app: Flask, stores: Stores, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken between the look and the writing."""
    email = register(new_browser(app))
    client.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    look = Accounts.login
    looks = iter([None])
    monkeypatch.setattr(Accounts, "login", lambda self, key: next(looks, look(self, key)))
    answer = client.post("/register", data={"name": "B", "email": email, "password": PASSWORD})
    assert answer.status_code == 409
    assert stores.shopper_claims.of(user_of(client)) is None


def test_asking_whose_an_id_is_takes_one_look_by_key(
    client: FlaskClient, stores: Stores, statements: list[str], calls: list[str]
) -> None:
    client.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    statements.clear()
    calls.clear()
    assert client.get("/cart").status_code == 200
    assert len([one for one in statements if "shopper_claims" in one]) == 1
    assert calls == []
