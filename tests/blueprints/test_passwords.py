"""Changing a password, and replacing a forgotten one by mail."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import pytest
import time_machine

from storefront.config import Settings
from storefront.process import Process
from storefront.services.mail import send_outbox
from storefront.stores import Stores
from tests.support.client import PASSWORD, Browsers, new_email, register, sign_in


def test_a_new_password_ends_other_sessions_and_renews_this_one(browsers: Browsers) -> None:
    here, there = browsers(), browsers()
    email = register(here)
    sign_in(there, email)
    new = "a longer walk by the river"
    wrong = here.post("/account/password", data={"current_password": "not it, no", "new_password": new})
    assert wrong.status_code == 422
    assert there.get("/account").status_code == 200
    done = here.post("/account/password", data={"current_password": PASSWORD, "new_password": new})
    assert done.status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert sign_in(browsers(), email).status_code == 422
    assert sign_in(browsers(), email, new).status_code == 303


class Outbox:
    """Stands in for the mailer: takes what the worker would hand to SES."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mailer = self
        self.sent: list[tuple[str, str]] = []

    def send(self, _template: str, to: object, _reference: str, *, link: str, **_: object) -> None:
        self.sent.append((str(getattr(to, "address", getattr(to, "email", to))), link))


@pytest.fixture
def mails(settings: Settings, stores: Stores) -> Callable[[], list[tuple[str, str]]]:
    outbox = Outbox(settings)

    def sent() -> list[tuple[str, str]]:
        send_outbox(outbox, stores)  # type: ignore[arg-type]
        return outbox.sent

    sent()
    outbox.sent.clear()
    return sent


def path(link: str) -> str:
    return link.removeprefix("http://127.0.0.1")


def test_a_forgotten_password_is_replaced_once_by_mail(
    browsers: Browsers, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    signed_in, browser = browsers(), browsers()
    email = register(signed_in)
    known = browser.post("/forgotten-password", data={"email": email.upper()})
    unknown = browser.post("/forgotten-password", data={"email": new_email()})
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    ((to, link),) = mails()
    assert email in to
    assert browser.get(path(link)).location == "/reset-password"
    assert browser.get("/reset-password").status_code == 200
    assert browser.post("/reset-password", data={"password": "password"}).status_code == 422
    new = "seven green bottles left"
    assert browser.post("/reset-password", data={"password": new}).status_code == 303
    assert signed_in.get("/account").status_code == 303
    assert sign_in(browsers(), email, new).status_code == 303
    again = browsers()
    again.get(path(link))
    assert again.get("/reset-password").status_code == 409
    assert again.post("/reset-password", data={"password": "something else again"}).status_code == 409


def test_a_reset_link_is_over_when_the_password_has_changed(
    browsers: Browsers, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    owner, browser = browsers(), browsers()
    email = register(owner)
    browser.post("/forgotten-password", data={"email": email})
    ((_, link),) = mails()
    owner.post(
        "/account/password", data={"current_password": PASSWORD, "new_password": "a new and better one"}
    )
    browser.get(path(link))
    assert browser.get("/reset-password").status_code == 409


def test_a_reset_link_is_over_after_half_an_hour(
    browsers: Browsers, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    email, browser = register(browsers()), browsers()
    browser.post("/forgotten-password", data={"email": email})
    ((_, link),) = mails()
    browser.get(path(link))
    with time_machine.travel(time.time() + 31 * 60):
        assert browser.get("/reset-password").status_code == 409


def test_no_token_is_kept_where_it_could_be_read(
    browsers: Browsers, process: Process, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    email = register(browsers())
    browsers().post("/forgotten-password", data={"email": email})
    items = json.dumps(process.dynamodb.client.scan(TableName=process.dynamodb.users)["Items"])
    ((_, link),) = mails()
    assert link.partition("token=")[2] not in items
    assert PASSWORD not in items


def test_reset_takes_the_same_time_for_known_and_unknown(browsers: Browsers) -> None:
    email = register(browsers())
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(5):
        for kind in times:
            browser, to = browsers(), email if kind == "known" else new_email()
            started = time.perf_counter()
            browser.post("/forgotten-password", data={"email": to})
            times[kind].append(time.perf_counter() - started)
    known, unknown = statistics.median(times["known"]), statistics.median(times["unknown"])
    assert 0.6 < unknown / known < 1.67, (known, unknown)
