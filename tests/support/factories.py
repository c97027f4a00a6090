"""Small things tests begin with."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from uuid import UUID, uuid4

import requests
from sqlalchemy import text

from storefront.domain.addresses import PostalAddress
from storefront.domain.cart import digest
from storefront.domain.ids import OrderId, UserId
from storefront.services import carts
from storefront.services.checkout import Placement, place
from storefront.services.payments.attempts import ReturnAddresses
from storefront.stores import Stores

ADDRESS = PostalAddress(
    name="Ada Marsh", line1="12 Mill Lane", city="Portland", region="OR", zip="97201", country="US"
)
FORM = {
    "email": "ada@example.com",
    "name": "Ada Marsh",
    "line1": "12 Mill Lane",
    "city": "Portland",
    "region": "OR",
    "zip": "97201",
    "country": "US",
}
HOLD = timedelta(minutes=15)
GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"


def product(
    stores: Stores,
    sku: str = "",
    *,
    price: int = 1200,
    quantity: int = 10,
    name: str = "",
    category: str = "Kitchen",
    image_url: str = "",
) -> str:
    """A listed product with stock; its SKU."""
    sku = sku or f"SKU-{uuid4().hex[:8]}"
    with stores.transaction():
        stores.db.session.execute(
            text(
                "INSERT INTO products (sku, name, description, price_cents, category, image_url)"
                " VALUES (:sku, :name, 'Made for tests.', :price, :category, :image_url)"
            ),
            {
                "sku": sku,
                "name": name or f"Product {sku}",
                "price": price,
                "category": category,
                "image_url": image_url,
            },
        )
        stores.stock.open(sku, quantity)
    return sku


def fill(stores: Stores, user_id: UserId, lines: int) -> None:
    """Put so many different products into a shopper's cart."""
    first = product(stores)
    carts.add(stores, user_id, first, 1)
    cart_id = stores.carts.active(user_id).cart_id
    with stores.transaction():
        stores.db.session.execute(
            text("""
                WITH made AS (
                    INSERT INTO products (sku, name, price_cents, category)
                    SELECT :first || '-' || n, 'Product ' || n, 1200, 'Kitchen'
                      FROM generate_series(2, :lines) n
                    RETURNING sku, name, price_cents
                ), stocked AS (
                    INSERT INTO stock (sku, quantity, received) SELECT sku, 10, 10 FROM made
                )
                INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)
                SELECT :cart_id, sku, 1, price_cents, name FROM made
            """),
            {"first": first, "lines": lines, "cart_id": cart_id},
        )


def shopper() -> UserId:
    return UserId(uuid4())


def placement(stores: Stores, user_id: UserId, *, email: str = "ada@example.com") -> Placement:
    """What a shopper who saw the cart as it is now would confirm."""
    cart = stores.carts.active(user_id)
    assert cart.cart_id is not None
    return Placement(
        user_id=user_id,
        cart_id=cart.cart_id,
        seen=digest((line.sku, line.qty, line.price_cents) for line in cart.lines),
        email=email,
        address=ADDRESS,
    )


def order(
    stores: Stores, *skus: str, qty: int = 1, user_id: UserId | None = None, hold: timedelta = HOLD
) -> OrderId:
    """A pending order of these products, or of one made for it."""
    user_id = user_id or shopper()
    for sku in skus or (product(stores),):
        carts.add(stores, user_id, sku, qty)
    return place(stores, placement(stores, user_id), hold)


def lapse(stores: Stores, order_id: UUID) -> None:
    """Let an order's hold be over by now, as if it had been placed that much earlier."""
    with stores.transaction():
        stores.db.session.execute(
            text(
                "UPDATE orders SET created_at = created_at - (expires_at - now()) - interval '1 second',"
                " expires_at = now() - interval '1 second', claimed_until = NULL WHERE order_id = :id"
            ),
            {"id": order_id},
        )


def back(*_: object) -> ReturnAddresses:
    return ReturnAddresses("http://127.0.0.1/return", "http://127.0.0.1/cancel")


def pay_page(url: str, card: str = GOOD_CARD) -> requests.Response:
    """Fill in Stripe's hosted page as a browser without JavaScript does; its answer, not followed."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(url, timeout=10)
        hidden = dict(
            re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text)
        )
        fields = {
            **{name: unescape(value) for name, value in hidden.items()},
            "number": card,
            "exp": "12/34",
            "cvc": "123",
            "name": "Ada Marsh",
            "email": "ada@example.com",
        }
        return browser.post(page.url, data=fields, timeout=10, allow_redirects=False)
