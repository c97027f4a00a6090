"""Passwords, and the end of personal data."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import text

from storefront.domain.accounts import Login, Profile, email_key
from storefront.domain.errors import Invalid
from storefront.domain.ids import OrderId, UserId
from storefront.domain.parcels import ParcelStatus
from storefront.services import accounts, carrier_events, fulfilment, passwords, retention
from storefront.stores import Stores
from tests.support.factories import order, product
from tests.support.worker import event, pack

PASSWORD = "tin lantern over the sea"


def new_email() -> str:
    return f"ada.{uuid4().hex[:12]}@example.com"


@pytest.mark.parametrize(
    "common",
    [
        "password", "Password1", "P@$$w0rd123!", "passw0rd", "12345678", "87654321", "qwertyuiop",
        "1qaz2wsx", "aaaaaaaa", "abcabcab", "testtest", "iloveyou", "Sunshine99", "!!dragon2026", "admin1234",
        "Summer2026!", "football", "letmein!!!", "11111111", "baseball1", "TRUSTNO1",
    ],
)  # fmt: skip
def test_the_commonest_passwords_and_their_usual_variations(common: str) -> None:
    assert passwords.is_common(common)


@pytest.mark.parametrize(
    "fine",
    ["correct horse battery staple", "tin lantern over the sea", "84620193x7", "ümläut straße", "x9 Kd-q2"],
)
def test_others_pass_without_rules_of_composition(fine: str) -> None:
    passwords.check(fine, "ada@example.com", "Ada Marsh")


def test_a_password_is_the_same_however_its_letters_were_typed() -> None:
    composed, decomposed = "caf\u00e9 con leche", "cafe\u0301 con leche"
    assert passwords.verify(passwords.hash_password(composed), decomposed)


def test_hashes_have_the_parameters_of_owasp() -> None:
    made = passwords.hash_password(PASSWORD)
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.verify(None, "the password of nobody")


def test_nobodys_hash_is_one_that_argon2_takes_by_todays_parameters() -> None:
    assert len(passwords.NOBODYS) == len(passwords.hash_password(PASSWORD))
    assert not passwords.outdated(passwords.NOBODYS)
    # A hash that can't be read would be refused at once, and tell that there is no account.
    with pytest.raises(VerifyMismatchError):
        passwords._hasher.verify(passwords.NOBODYS, PASSWORD)
    assert not passwords.verify(None, PASSWORD)


def test_an_old_hash_is_made_anew_at_sign_in(stores: Stores) -> None:
    ada = Profile(UserId(uuid4()), "Ada", new_email())
    stores.accounts.register(ada, PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD))
    assert accounts.sign_in(stores, ada.email, PASSWORD) == ada
    login = stores.accounts.login(ada.email)
    assert login is not None
    assert "m=19456" in login.password_hash
    assert accounts.sign_in(stores, ada.email, PASSWORD) == ada


def test_an_email_is_one_whatever_its_case_and_form() -> None:
    assert email_key("Ada@Example.COM") == email_key("ada@example.com")
    assert email_key("jos\u00e9@example.com") == email_key("jose\u0301@example.com")
    with pytest.raises(Invalid):
        email_key("nobody")


def test_the_mail_for_a_reset_goes_to_the_address_of_the_account(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Different mailboxes can have equal keys: what was typed is a stranger's, maybe."""
    put: list[str] = []
    monkeypatch.setattr(type(stores.outbox), "put", lambda _self, _kind, to, _data, **_: put.append(to))

    class Links:
        def token(self, nonce: str) -> str:
            return nonce

    mark = f"ka{uuid4().hex[:10]}@example.com"
    stores.accounts.register(Profile(UserId(uuid4()), "K", mark), passwords.hash_password(PASSWORD))
    kelvin = "\u212a" + mark[1:]
    assert email_key(kelvin) == email_key(mark)
    accounts.forgot(stores, Links(), kelvin)  # type: ignore[arg-type]
    assert put == [mark]


def test_a_registration_on_a_taken_shopper_gets_a_fresh_one(stores: Stores) -> None:
    first = accounts.register(stores, UserId(uuid4()), "Ada", new_email(), PASSWORD)
    second = accounts.register(stores, first.user_id, "Bea", new_email(), PASSWORD)
    assert second.user_id != first.user_id
    assert stores.accounts.profile(first.user_id) == first


def test_a_hash_shows_in_no_repr() -> None:
    assert "$argon2" not in repr(Login("ada@example.com", UserId(uuid4()), "$argon2id$secret"))


# --- orders lose what is personal after their time


def aged(stores: Stores, days: int, *steps: ParcelStatus) -> OrderId:
    """An order that cost nothing, sent off and as many days old; its parcel went through these steps."""
    order_id = order(stores, product(stores, price=0))
    fulfilment.write_shipments(stores)
    code = pack(stores, order_id).tracking_code
    for step in steps:
        carrier_events.record(stores, event(code, step))
    with stores.transaction():
        stores.db.session.execute(
            text(
                "UPDATE orders SET created_at = created_at - make_interval(days => :d),"
                " expires_at = expires_at - make_interval(days => :d) WHERE order_id = :id"
            ),
            {"d": days, "id": order_id},
        )
    return order_id


def test_only_old_orders_that_ended_are_scrubbed(stores: Stores) -> None:
    old = aged(stores, 31, ParcelStatus.DELIVERED)
    young = aged(stores, 29, ParcelStatus.DELIVERED)
    running = aged(stores, 31, ParcelStatus.IN_TRANSIT)
    before = stores.orders.summary(old)
    assert retention.scrub(stores, 30) == (1, None)
    assert retention.scrub(stores, 30) == (0, None)
    after = stores.orders.summary(old)
    assert (after.email, after.address.line1, after.address.name) == ("", "", "")
    assert after.user_id != before.user_id
    assert (after.number, after.total_cents) == (before.number, before.total_cents)
    for kept in (young, running):
        assert stores.orders.summary(kept).email == "ada@example.com"


def test_the_address_of_a_scrubbed_shipment_goes_from_dynamodb_too(stores: Stores) -> None:
    order_id = aged(stores, 31, ParcelStatus.DELIVERED)
    fulfilment.project(stores)
    retention.scrub(stores, 30)
    fulfilment.project(stores)
    shipment = stores.deliveries.for_tracking(order_id).shipment
    assert shipment is not None
    assert (shipment.address.name, shipment.address.line1) == ("", "")


def test_a_customers_old_orders_stay_as_long_as_the_account(stores: Stores) -> None:
    theirs = aged(stores, 31, ParcelStatus.DELIVERED)
    ada = Profile(UserId(stores.orders.summary(theirs).user_id), "Ada", new_email())
    stores.accounts.register(ada, passwords.hash_password(PASSWORD))
    assert retention.scrub(stores, 30) == (0, None)
    assert stores.orders.summary(theirs).email == "ada@example.com"
    stores.accounts.delete(ada)
    assert retention.scrub(stores, 30) == (1, None)
    assert stores.orders.summary(theirs).email == ""


def test_a_batch_goes_on_where_the_last_one_ended(stores: Stores) -> None:
    theirs, guests = (aged(stores, days, ParcelStatus.DELIVERED) for days in (32, 31))
    owner = UserId(stores.orders.summary(theirs).user_id)
    stores.accounts.register(Profile(owner, "Ada", new_email()), passwords.hash_password(PASSWORD))
    job = retention.Retention(30, batch=1)
    assert job(stores) == 0
    assert job(stores) == 1
    assert stores.orders.summary(guests).email == ""


def test_the_worker_looks_once_an_hour(stores: Stores) -> None:
    job = retention.Retention(30)
    assert job(stores) == 0
    aged(stores, 31, ParcelStatus.DELIVERED)
    assert job(stores) == 0
    assert timedelta(seconds=retention.EVERY) == timedelta(hours=1)
