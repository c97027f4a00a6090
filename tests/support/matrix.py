"""A shop whose every store is at the end of a wire, and what its shoppers and workers ask of it meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from storefront import create_app
from storefront.domain.errors import ShopError
from storefront.domain.parcels import ParcelStatus
from storefront.process import Process
from storefront.services import fulfilment, holds, mail
from storefront.stores import Stores
from tests.support.client import PASSWORD, add, fields, new_browser, ordered, register, user_of
from tests.support.factories import FORM, lapse, order, pay_page, product
from tests.support.stripe_control import events_of, signed
from tests.support.till import open_page
from tests.support.wire import Fault, Wire
from tests.support.worker import event, pack

_ONE_AT_A_TIME = threading.Lock()
"""Shops are made under it, too, because boto3 reads its endpoints from the environment."""

_ENDPOINTS = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SESV2")

LINKS = ("writer", "reader", "dynamodb", "stripe", "ses")


@dataclass
class Cell:
    """What came of one request. ``status`` is 0 for a worker's job that ended in the shop's own words."""

    request: str
    status: int
    seconds: float
    text: str = ""
    broken: str = ""


@dataclass
class WiredShop:
    """``direct`` is a process of the same shop past all wires."""

    direct: Process
    stripe: str
    wires: dict[str, Wire] = field(init=False)

    def __post_init__(self) -> None:
        given = self.direct.settings
        database = given.database_url.get_secret_value()
        self.wires = {
            "writer": Wire(database),
            "reader": Wire(database),
            "dynamodb": Wire(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]),
            "stripe": Wire(self.stripe),
            "ses": Wire(os.environ["AWS_ENDPOINT_URL_SESV2"]),
        }
        settings = given.model_copy(
            update={
                "database_url": SecretStr(self.wires["writer"].address),
                "database_reader_url": SecretStr(self.wires["reader"].address),
                "stripe_api_base": self.wires["stripe"].address,
                "holds_per_address": 0,
            }
        )
        # An app's routes are compiled, which CPython 3.11 can't do in several threads at once.
        with _ONE_AT_A_TIME:
            self.app = create_app(settings)
            self.app.config["WTF_CSRF_ENABLED"] = False
            self.process: Process = self.app.extensions["storefront"]
            kept = {name: os.environ[name] for name in _ENDPOINTS}
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = self.wires["dynamodb"].address
            os.environ["AWS_ENDPOINT_URL_SESV2"] = self.wires["ses"].address
            _ = self.process.dynamodb.client, self.process.mailer._ses._ses
            os.environ.update(kept)

    @property
    def stores(self) -> Stores:
        return self.direct.stores()

    def close(self) -> None:
        self.process.close()
        for wire in self.wires.values():
            wire.close()

    def calm(self) -> None:
        """All wires pass, and no breaker remembers."""
        for wire in self.wires.values():
            wire.order(Fault.NONE)
        self.process.dynamodb.breaker.close()
        self.process.stripe.breaker.close()
        self.process.mailer.breaker.close()
        self.process.engines.reader_breaker.close()
        self.process.engines.dispose()

    def meet(self, link: str, fault: Fault, name: str) -> Cell:
        """One request, prepared while all is well, and then sent over a broken wire."""
        self.calm()
        ask = REQUESTS[name](self)
        self.wires[link].order(fault)
        started = time.monotonic()
        try:
            answer = ask()
        except ShopError:
            answer = None
        except Exception as error:
            return Cell(name, 0, time.monotonic() - started, broken=repr(error))
        seconds = time.monotonic() - started
        self.calm()
        if isinstance(answer, TestResponse):
            return Cell(name, answer.status_code, seconds, answer.text)
        return Cell(name, 0, seconds)


Ask = Callable[[], object]


def _browser(shop: WiredShop) -> FlaskClient:
    return new_browser(shop.app)


def _visit(path: str) -> Callable[[WiredShop], Ask]:
    def prepare(shop: WiredShop) -> Ask:
        browser = _browser(shop)
        return lambda: browser.get(path)

    return prepare


def _product_page(shop: WiredShop) -> Ask:
    sku, browser = product(shop.stores), _browser(shop)
    return lambda: browser.get(f"/products/{sku}")


def _add(shop: WiredShop) -> Ask:
    sku, browser = product(shop.stores), _browser(shop)
    return lambda: add(browser, sku)


def _place(shop: WiredShop) -> Ask:
    browser = _browser(shop)
    add(browser, product(shop.stores))
    hidden = fields(browser.get("/checkout"), "/checkout")
    return lambda: browser.post("/checkout", data={**FORM, **hidden})


def _unpaid(shop: WiredShop) -> tuple[FlaskClient, UUID]:
    browser = _browser(shop)
    return browser, ordered(browser, product(shop.stores))


def _of_unpaid(path: str, method: str = "POST") -> Callable[[WiredShop], Ask]:
    def prepare(shop: WiredShop) -> Ask:
        browser, order_id = _unpaid(shop)
        return lambda: browser.open(f"/orders/{order_id}{path}", method=method)

    return prepare


def _return(shop: WiredShop) -> Ask:
    browser, order_id = _unpaid(shop)
    with suppress(ShopError):
        pay_page(open_page(shop.direct, order_id))
    return lambda: browser.get(f"/orders/{order_id}/return")


def _webhook(shop: WiredShop) -> Ask:
    browser = _browser(shop)
    order_id = order(shop.stores, product(shop.stores))
    pay_page(open_page(shop.direct, order_id))
    (paid,) = events_of(shop.stripe, order_id, "checkout.session.completed")
    post = signed(paid)
    return lambda: browser.post("/webhooks/stripe", **post)


def _prepared(shop: WiredShop) -> UUID:
    order_id = order(shop.stores, product(shop.stores, price=0))
    # Not by a worker's round: another shop's worker, which meets a fault, may have claimed it.
    fulfilment.write_shipment(shop.stores, order_id)
    return order_id


def _track(path: str) -> Callable[[WiredShop], Ask]:
    def prepare(shop: WiredShop) -> Ask:
        browser = _browser(shop)
        order_id = ordered(browser, product(shop.stores, price=0))
        fulfilment.write_shipment(shop.stores, order_id)
        return lambda: browser.get(f"/orders/{order_id}{path}")

    return prepare


def _carrier_event(shop: WiredShop) -> Ask:
    from storefront.services import carrier_events  # noqa: PLC0415 - its name is this module's, too

    code = pack(shop.stores, _prepared(shop)).tracking_code
    return lambda: carrier_events.record(shop.process.stores(), event(code, ParcelStatus.IN_TRANSIT))


def _expire(shop: WiredShop) -> Ask:
    order_id = order(shop.stores, product(shop.stores))
    open_page(shop.direct, order_id)
    lapse(shop.stores, order_id)
    return lambda: holds.expire_lapsed(shop.process.stores(), shop.process.stripe)


def _ship(shop: WiredShop) -> Ask:
    order(shop.stores, product(shop.stores, price=0))
    return lambda: fulfilment.write_shipments(shop.process.stores())


def _mail(shop: WiredShop) -> Ask:
    order(shop.stores, product(shop.stores, price=0))
    return lambda: mail.send_due(shop.process, shop.process.stores())


def _sign_in(shop: WiredShop) -> Ask:
    email = register(_browser(shop))
    browser = _browser(shop)
    return lambda: browser.post("/login", data={"email": email, "password": PASSWORD})


def _register(shop: WiredShop) -> Ask:
    browser = _browser(shop)
    form = {"name": "Ada Marsh", "email": f"ada.{uuid4().hex}@example.com", "password": PASSWORD}
    return lambda: browser.post("/register", data=form)


def _as_member(path: str, **form: str) -> Callable[[WiredShop], Ask]:
    def prepare(shop: WiredShop) -> Ask:
        browser = _browser(shop)
        register(browser)
        assert user_of(browser)
        return lambda: browser.post(path, data=form)

    return prepare


REQUESTS: dict[str, Callable[[WiredShop], Ask]] = {
    "home": _visit("/"),
    "product": _product_page,
    "search": _visit("/products?q=lamp"),
    "add": _add,
    "cart": _visit("/cart"),
    "place": _place,
    "pay": _of_unpaid("/payment"),
    "return": _return,
    "webhook": _webhook,
    "expire": _expire,
    "extend": _of_unpaid("/extension"),
    "cancel": _of_unpaid("/cancellation"),
    "ship": _ship,
    "track": _track(""),
    "poll": _track("/tracking"),
    "carrier": _carrier_event,
    "sign in": _sign_in,
    "register": _register,
    "address": _as_member("/account/addresses", **{k: v for k, v in FORM.items() if k != "email"}),
    "save card": _as_member("/account/payment-methods"),
    "mail": _mail,
}
