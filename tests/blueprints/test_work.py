"""What a page costs, counted and not timed: calls of functions, statements, bytes.

A bound is a third above what was seen: whoever passes one has a page that costs a third more than it did, and
either a good reason or something to mend.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

import brotli
import pytest
from flask.testing import FlaskClient

from storefront.services import carts
from storefront.stores import Stores
from storefront.web.filters import product_url
from tests.support.client import user_of
from tests.support.factories import product

WARMED = 3
"""A page is asked for so often before, so that what is kept is there."""


def calls_of(ask: Callable[[], object]) -> int:
    """Calls of Python's functions and of those it is made of, in one request of a page that is warm."""
    for _ in range(WARMED):
        ask()
    profile = cProfile.Profile()
    profile.enable()
    ask()
    profile.disable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]  # it isn't told of


@pytest.fixture
def shelf(stores: Stores) -> list[str]:
    """Two dozen products of one department."""
    return [
        product(stores, f"w{n:02}", name=f"Ware {n:02}", category="Wares", price=100 + n) for n in range(26)
    ]


@pytest.mark.parametrize(
    ("path", "most", "statements_most"),
    [
        ("/healthz", 1_400, 0),
        ("/products/w05", 3_600, 1),
        ("/products?sort=price", 5_000, 2),
        ("/products?category=Wares&page=2", 3_600, 2),
        ("/products?q=ware", 5_000, 2),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_a_public_page_is_a_statement_and_little_work(
    client: FlaskClient, statements: list[str], path: str, most: int, statements_most: int
) -> None:
    assert client.get(path).status_code == 200
    seen = calls_of(lambda: client.get(path))
    assert seen <= most
    statements.clear()
    client.get(path)
    # The counts of all departments are shared by the pages of a second.
    assert len([one for one in statements if "category_counts" not in one]) <= statements_most


def test_putting_into_a_cart_and_looking_at_it(
    client: FlaskClient, statements: list[str], shelf: list[str]
) -> None:
    def add() -> None:
        assert client.post("/cart/items", data={"sku": shelf[0], "quantity": "1"}).status_code == 303

    assert calls_of(add) <= 4_800
    statements.clear()
    add()
    # Who asks, the open cart, the line, the cart as it is then, and by what the transaction is found again.
    assert len(statements) == 5
    assert calls_of(lambda: client.get("/cart")) <= 6_000
    assert calls_of(lambda: client.get("/checkout")) <= 10_000


@pytest.mark.parametrize("path", ["/", "/products", "/products/w05", "/cart", "/checkout"])
def test_a_page_fits_its_budget(client: FlaskClient, stores: Stores, shelf: list[str], path: str) -> None:
    client.post("/cart/items", data={"sku": shelf[1], "quantity": "1"})
    assert carts.change(stores, user_of(client), shelf[1], 2).count == 2
    answer = client.get(path)
    assert answer.status_code == 200
    assert len(brotli.compress(answer.data, quality=1)) <= 14 * 1024


def test_the_work_that_is_counted_grows_with_the_work(client: FlaskClient, shelf: list[str]) -> None:
    """The control: a list of two dozen is more than a page of two."""
    assert len(shelf) == 26
    all_of_them = calls_of(lambda: client.get("/products?category=Wares"))
    assert all_of_them > calls_of(lambda: client.get("/products?category=Wares&page=2")) + 100


@pytest.mark.parametrize(
    "sku", ["plain", "a b", "a/b", "50%", "ä+ö", "a?b#c", "x:y@z,(1)*!$&'=~^|`{}[]<>\\\"", "日本"]
)
def test_a_products_path_is_the_one_that_the_routes_build(client: FlaskClient, sku: str) -> None:
    with client.application.test_request_context():
        assert product_url(sku) == client.application.url_for("catalog.product", sku=sku)
