"""Saved cards: one default whenever there are any, whatever comes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from storefront.domain.accounts import Profile, SavedCard
from storefront.domain.errors import Conflict, NotFound, StoreUnavailable
from storefront.process import Process
from storefront.repositories.dynamodb.cards import Cards, Wallet
from storefront.repositories.dynamodb.table import Action, Table
from storefront.stores import Stores
from tests.support.concurrency import Outcomes, at_once
from tests.support.factories import shopper

pytestmark = pytest.mark.alone

CUSTOMER = "cus_of_tests"


def card(token: str, *, last4: str = "4242", fingerprint: str = "", expiry: str = "12/34") -> SavedCard:
    return SavedCard("stripe", token, "visa", last4, expiry, fingerprint=fingerprint)


@pytest.fixture
def stores(patient: Stores) -> Stores:
    return patient


@pytest.fixture
def who(stores: Stores) -> UUID:
    """A customer of Stripe's with an account and no cards."""
    user_id = shopper()
    stores.accounts.register(
        Profile(user_id, "Ada", f"{uuid4().hex}@example.com", stripe_customer=CUSTOMER), "hash"
    )
    return user_id


def saved(stores: Stores, who: UUID) -> dict[str, bool]:
    return {c.token: c.is_default for c in stores.accounts.for_account(who).cards}


def test_the_first_card_is_the_default_and_later_ones_are_not(stores: Stores, who: UUID) -> None:
    for token in ("pm_a", "pm_b", "pm_c"):
        stores.cards.add(who, CUSTOMER, card(token))
    assert saved(stores, who) == {"pm_a": True, "pm_b": False, "pm_c": False}


def test_a_card_is_saved_as_the_page_shows_it(stores: Stores, who: UUID) -> None:
    stores.cards.add(who, CUSTOMER, card("pm_a", last4="0005", fingerprint="f1"))
    (found,) = stores.accounts.for_account(who).cards
    assert (found.provider, found.token, found.brand, found.last4, found.expiry, found.fingerprint) == (
        "stripe", "pm_a", "visa", "0005", "12/34", "f1",
    )  # fmt: skip


def test_adding_again_changes_nothing(stores: Stores, who: UUID) -> None:
    stores.cards.add(who, CUSTOMER, card("pm_a"))
    stores.cards.add(who, CUSTOMER, card("pm_b"))
    stores.cards.make_default(who, "pm_b")
    stores.cards.add(who, CUSTOMER, card("pm_a"))
    assert saved(stores, who) == {"pm_a": False, "pm_b": True}


def test_the_same_card_under_another_token_is_saved_once(stores: Stores, who: UUID) -> None:
    stores.cards.add(who, CUSTOMER, card("pm_a", fingerprint="same"))
    stores.cards.add(who, CUSTOMER, card("pm_b", fingerprint="same"))
    assert list(saved(stores, who)) == ["pm_a"]
    stores.cards.add(who, CUSTOMER, card("pm_renewed", fingerprint="same", expiry="12/38"))
    assert set(saved(stores, who)) == {"pm_a", "pm_renewed"}


def test_a_card_of_another_customer_of_stripes_is_not_saved(stores: Stores, who: UUID) -> None:
    with pytest.raises(NotFound):
        stores.cards.add(who, "cus_of_somebody", card("pm_a"))
    assert saved(stores, who) == {}


def test_the_default_moves_and_moves_back(stores: Stores, who: UUID) -> None:
    for token in ("pm_a", "pm_b"):
        stores.cards.add(who, CUSTOMER, card(token))
    stores.cards.make_default(who, "pm_b")
    stores.cards.make_default(who, "pm_b")
    assert saved(stores, who) == {"pm_a": False, "pm_b": True}
    stores.cards.make_default(who, "pm_a")
    assert saved(stores, who) == {"pm_a": True, "pm_b": False}


def test_removing_the_default_makes_another_one_the_default(stores: Stores, who: UUID) -> None:
    for token in ("pm_a", "pm_b", "pm_c"):
        stores.cards.add(who, CUSTOMER, card(token))
    stores.cards.remove(who, "pm_b")
    assert saved(stores, who) == {"pm_a": True, "pm_c": False}
    stores.cards.remove(who, "pm_a")
    stores.cards.remove(who, "pm_a")
    assert saved(stores, who) == {"pm_c": True}
    stores.cards.remove(who, "pm_c")
    assert saved(stores, who) == {}
    stores.cards.add(who, CUSTOMER, card("pm_d"))
    assert saved(stores, who) == {"pm_d": True}


def test_what_is_not_the_customers_is_not_found(stores: Stores, who: UUID) -> None:
    stores.cards.add(who, CUSTOMER, card("pm_a"))
    for token in ("pm_of_somebody", "", "pm_a\0", "profile"):
        with pytest.raises(NotFound):
            stores.cards.make_default(who, token)
    nobody = shopper()
    for change in (
        lambda: stores.cards.add(nobody, CUSTOMER, card("pm_a")),
        lambda: stores.cards.make_default(nobody, "pm_a"),
        lambda: stores.cards.remove(nobody, "pm_a"),
        lambda: stores.cards.set_stripe_customer(nobody, CUSTOMER),
    ):
        with pytest.raises(NotFound):
            change()


def test_the_customers_id_is_stored_once(stores: Stores) -> None:
    user_id = shopper()
    stores.accounts.register(Profile(user_id, "Ada", f"{uuid4().hex}@example.com"), "hash")
    done = at_once(*[(lambda n=n: stores.cards.set_stripe_customer(user_id, f"cus_{n}")) for n in range(8)])
    assert done.errors == []
    assert len(set(done.results)) == 1
    profile = stores.accounts.profile(user_id)
    assert profile is not None
    assert profile.stripe_customer == done.results[0]


# --- races

TOKENS = [f"pm_{n}" for n in range(5)]


def fifty_defaults(process: Process, who: UUID, monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    """Every one of them has seen the same cards before the first one writes."""
    cards = process.stores().cards
    for token in TOKENS:
        cards.add(who, CUSTOMER, card(token))
    look, here, seen = Cards._wallet, threading.local(), threading.Barrier(50)

    def together(self: Cards, user_id: UUID) -> Wallet:
        wallet = look(self, user_id)
        if not hasattr(here, "looked"):
            here.looked = True
            seen.wait(30)
        return wallet

    with monkeypatch.context() as patch:
        patch.setattr(Cards, "_wallet", together)
        return at_once(*[(lambda t=t: process.stores().cards.make_default(who, t)) for t in TOKENS * 10])


def test_fifty_new_defaults_at_once_leave_exactly_one(
    process: Process, stores: Stores, who: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = fifty_defaults(process, who, monkeypatch)
    # Some may be told that their cards changed elsewhere, which they did.
    assert done.kinds() <= {Conflict, StoreUnavailable}
    assert len(done.results) >= len(TOKENS)
    assert sum(saved(stores, who).values()) == 1


def test_control_without_their_turn_fifty_new_defaults_leave_several(
    process: Process, stores: Stores, who: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact = Table.transact

    def out_of_turn(self: Table, _turn: Action, *actions: Action) -> None:
        transact(self, *actions)

    monkeypatch.setattr(Table, "transact", out_of_turn)
    fifty_defaults(process, who, monkeypatch)
    assert sum(saved(stores, who).values()) > 1


def test_cards_added_and_removed_at_once_leave_exactly_one_default(
    process: Process, stores: Stores, who: UUID
) -> None:
    stores.cards.add(who, CUSTOMER, card("pm_old"))
    changes: list[Callable[[], None]] = [
        *[(lambda n=n: process.stores().cards.add(who, CUSTOMER, card(f"pm_new{n}"))) for n in range(6)],
        *[lambda: process.stores().cards.remove(who, "pm_old")] * 2,
    ]
    done = at_once(*changes)
    assert done.kinds() <= {Conflict, StoreUnavailable}
    found = saved(stores, who)
    assert sum(found.values()) == 1


def test_a_card_added_while_the_last_one_is_removed_is_not_left_without_default(
    stores: Stores, who: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.cards.add(who, CUSTOMER, card("pm_old"))
    look = Cards._wallet
    paused: list[bool] = []

    def overtaken(self: Cards, user_id: UUID) -> Wallet:
        seen = look(self, user_id)
        if not paused:
            paused.append(True)
            stores.cards.add(who, CUSTOMER, card("pm_new"))
        return seen

    monkeypatch.setattr(Cards, "_wallet", overtaken)
    stores.cards.remove(who, "pm_old")
    assert saved(stores, who) == {"pm_new": True}


def test_an_answer_that_is_lost_does_not_make_a_success_a_failure(
    stores: Stores, who: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client repeats a lost transaction, which then meets its own write."""
    transact = Table.transact

    def twice(self: Table, *actions: Action) -> None:
        transact(self, *actions)
        transact(self, *actions)

    monkeypatch.setattr(Table, "transact", twice)
    for token in ("pm_a", "pm_b"):
        stores.cards.add(who, CUSTOMER, card(token))
    stores.cards.make_default(who, "pm_b")
    stores.cards.remove(who, "pm_b")
    assert saved(stores, who) == {"pm_a": True}
