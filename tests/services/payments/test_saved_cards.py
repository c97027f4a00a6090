"""Saved cards: Stripe holds them, the shop knows their tokens."""

from __future__ import annotations

from datetime import date

import pytest

from storefront.domain.accounts import SavedCard
from storefront.domain.errors import Conflict, NotFound, PaymentUnavailable, StoreUnavailable
from storefront.process import Process
from storefront.services.payments import saved_cards
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.otherwise import otherwise
from tests.support.saved_cards import MASTERCARD, VISA, Customer
from tests.support.stripe_control import api, fault, unavailable


@pytest.fixture
def ada(process: Process, stripe: str) -> Customer:
    return Customer(process, stripe)


def customers_of(stripe: str, ada: Customer) -> list[str]:
    listed = api(stripe, "GET", "customers", email=ada.account.profile.email, limit="100")["data"]
    return [one["id"] for one in listed]


# --- the customer at Stripe


def test_a_customer_is_made_once_and_stored(ada: Customer, stripe: str) -> None:
    made = ada.stripe_id
    assert ada.account.profile.stripe_customer == made
    assert ada.stripe_id == made
    assert customers_of(stripe, ada) == [made]
    told = api(stripe, "GET", f"customers/{made}")
    assert told["metadata"] == {"user_id": str(ada.user_id), "shop": ada.process.stores().shop_id}
    assert told["name"] == "Ada Marsh"


def test_many_tabs_at_once_make_one_customer(ada: Customer, stripe: str) -> None:
    profile = ada.account.profile
    make = lambda: saved_cards.stripe_customer_of(ada.process.stores(), ada.process.stripe, profile)  # noqa: E731
    done = at_once(*[make] * 8)
    # A key in use may be refused; nobody gets a customer of their own.
    assert done.kinds() <= {PaymentUnavailable}
    assert set(done.results) == {ada.account.profile.stripe_customer}
    assert len(customers_of(stripe, ada)) == 1


def test_a_customer_whose_answer_was_lost_is_the_same_customer(ada: Customer, stripe: str) -> None:
    with fault(stripe, "POST /v1/customers", "drop_after", 2), pytest.raises(PaymentUnavailable):
        _ = ada.stripe_id
    assert ada.account.profile.stripe_customer is None
    made = ada.stripe_id
    assert customers_of(stripe, ada) == [made]


def test_no_page_is_made_for_a_customer_that_could_not_be_stored(
    ada: Customer, stripe: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> str:
        raise StoreUnavailable("dynamodb")

    monkeypatch.setattr(type(stores.cards), "set_stripe_customer", unavailable)
    cards = ada.process.stripe.cards
    ada.process.stripe.cards = otherwise(cards, adding_page=lambda *_: pytest.fail("used before stored"))
    with pytest.raises(StoreUnavailable):
        saved_cards.adding_page(
            stores, ada.process.stripe, ada.account, "http://127.0.0.1/a", "http://127.0.0.1/b"
        )


def test_forgetting_a_customer_takes_their_cards_along_and_may_be_repeated(
    ada: Customer, stripe: str
) -> None:
    token, profile = ada.keep(), ada.account.profile
    saved_cards.forget(ada.process.stripe, profile)
    saved_cards.forget(ada.process.stripe, profile)
    assert customers_of(stripe, ada) == []
    assert api(stripe, "GET", f"payment_methods/{token}")["customer"] is None


# --- saving cards


def test_what_stripe_keeps_is_stored_and_storing_it_again_changes_nothing(ada: Customer) -> None:
    first, second = ada.keep(), ada.keep(MASTERCARD)
    before = ada.account.cards
    assert ada.tokens == [first, second], "the default first"
    assert [(c.brand, c.last4, c.expiry, c.is_default) for c in before] == [
        ("visa", "4242", "08/36", True),
        ("mastercard", "4444", "08/36", False),
    ]
    saved_cards.refresh(ada.process.stores(), ada.process.stripe, ada.account.profile)
    assert ada.account.cards == before


def test_a_card_saved_twice_is_shown_once_and_removed_altogether(ada: Customer) -> None:
    first = ada.keep()
    twin = ada.keep()
    assert ada.tokens == [first]
    assert ada.attached() == {first, twin}
    saved_cards.remove(ada.process.stores(), ada.process.stripe, ada.account, first)
    saved_cards.refresh(ada.process.stores(), ada.process.stripe, ada.account.profile)
    assert ada.tokens == []
    assert ada.attached() == set()


def test_no_more_than_the_most(ada: Customer, stores: Stores) -> None:
    for number in range(saved_cards.MAX_CARDS):
        card = SavedCard("stripe", f"pm_{number}", "visa", f"{number:04}", "12/49", fingerprint=f"f{number}")
        stores.cards.add(ada.account.profile.user_id, ada.stripe_id, card)
    with pytest.raises(Conflict):
        saved_cards.adding_page(
            ada.process.stores(), ada.process.stripe, ada.account, "http://127.0.0.1/a", "b"
        )


# --- removing


def test_a_removed_card_is_gone_at_stripe_too(ada: Customer) -> None:
    first, second = ada.keep(), ada.keep(MASTERCARD)
    saved_cards.remove(ada.process.stores(), ada.process.stripe, ada.account, first)
    assert ada.tokens == [second]
    assert ada.account.cards[0].is_default
    assert ada.attached() == {second}


def test_while_stripe_is_away_a_card_stays(ada: Customer, stripe: str) -> None:
    token = ada.keep()
    for match in ("* /v1/*", "POST /v1/payment_methods/*/detach"):
        with fault(stripe, match, "drop_before", 100), pytest.raises(PaymentUnavailable):
            saved_cards.remove(ada.process.stores(), ada.process.stripe, ada.account, token)
        assert ada.tokens == [token]
    assert ada.attached() == {token}


@pytest.mark.parametrize("how", ["detached", "customer deleted"])
def test_a_card_that_stripe_does_not_keep_any_more_can_be_removed(
    ada: Customer, stripe: str, how: str
) -> None:
    token = ada.keep()
    if how == "detached":
        api(stripe, "POST", f"payment_methods/{token}/detach")
    else:
        api(stripe, "DELETE", f"customers/{ada.stripe_id}")
    saved_cards.remove(ada.process.stores(), ada.process.stripe, ada.account, token)
    assert ada.tokens == []


def test_a_removal_whose_answer_was_lost_is_finished_by_the_next_one(ada: Customer, stripe: str) -> None:
    token = ada.keep()
    with (
        fault(stripe, "POST /v1/payment_methods/*/detach", "drop_after", 2),
        fault(stripe, "GET /v1/payment_methods/*", "drop_after", 2),
        pytest.raises(PaymentUnavailable),
    ):
        saved_cards.remove(ada.process.stores(), ada.process.stripe, ada.account, token)
    assert ada.tokens == [token]
    saved_cards.remove(ada.process.stores(), ada.process.stripe, ada.account, token)
    assert ada.tokens == []


def test_another_customers_card_is_not_found(ada: Customer, process: Process, stripe: str) -> None:
    bob = Customer(process, stripe)
    theirs = bob.keep(VISA)
    ada.keep(MASTERCARD)
    with pytest.raises(NotFound):
        saved_cards.remove(process.stores(), process.stripe, ada.account, theirs)
    assert bob.attached() == {theirs}
    assert bob.tokens == [theirs]


# --- expiry


@pytest.mark.parametrize(
    ("expiry", "over"), [("10/26", True), ("11/26", False), ("12/26", False), ("01/27", False), ("", False)]
)
def test_a_card_is_good_through_its_last_month(expiry: str, *, over: bool) -> None:
    card = SavedCard("stripe", "pm_a", "visa", "4242", expiry)
    assert saved_cards.expired(card, date(2026, 11, 30)) is over


def test_no_answer_means_unavailable_not_empty(ada: Customer, stripe: str) -> None:
    ada.keep()
    with unavailable(stripe), pytest.raises(PaymentUnavailable):
        saved_cards.refresh(ada.process.stores(), ada.process.stripe, ada.account.profile)
