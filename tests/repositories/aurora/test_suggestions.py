"""What the search field offers for what was typed so far."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from storefront.domain.catalog import Suggestions
from storefront.repositories.aurora import search, suggestions
from storefront.services.catalog_import import import_catalog
from storefront.stores import Stores
from tests.support.database import statements_of
from tests.support.factories import product


def learn(stores: Stores) -> None:
    with stores.transaction():
        search.rebuild_words(stores.db)


def offered(stores: Stores, typed: str) -> Suggestions:
    return stores.products.suggestions(typed, stores.products.categories())


def skus(found: Suggestions) -> list[str]:
    return [card.sku for card in found.products]


@pytest.fixture
def shelf(stores: Stores) -> Stores:
    for sku, name, category in (
        ("mug", "Stoneware mug", "Table"),
        ("teapot", "Stoneware teapot", "Table"),
        ("pan", "Cast iron skillet", "Kitchen"),
        ("lamp", "Brass task lamp", "Lighting"),
        ("lantern", "Storm lantern", "Lighting"),
        ("creme", "Crème brûlée dish", "Table"),
    ):
        product(stores, sku, name=name, category=category)
    learn(stores)
    return stores


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("stonew", {"mug", "teapot"}),
        ("stoneware te", {"mug", "teapot"}),
        ("STONEWARE MUG", {"mug"}),
        ("creme bru", {"creme"}),
        ("l", {"lamp", "lantern"}),
        ("la", {"lamp", "lantern"}),
        ("pan", {"pan"}),
        ("", set()),
        ("%", set()),
        ("_ ' & | ! (", set()),
        ("q", set()),
    ],
)
def test_products_are_offered_by_the_beginnings_of_words(shelf: Stores, typed: str, found: set[str]) -> None:
    assert set(skus(offered(shelf, typed))) == found


def test_what_goes_on_as_typed_stands_before_what_does_not(shelf: Stores) -> None:
    assert skus(offered(shelf, "stoneware te")) == ["teapot", "mug"]
    assert skus(offered(shelf, "stoneware m")) == ["mug", "teapot"]


def test_a_sku_of_two_letters_comes_first(shelf: Stores) -> None:
    product(shelf, "la", name="Quite another thing")
    learn(shelf)
    assert skus(offered(shelf, "la"))[0] == "la"


def test_a_product_that_is_found_twice_is_offered_once(shelf: Stores) -> None:
    product(shelf, "x1", name="X1 adapter")
    learn(shelf)
    assert skus(offered(shelf, "x1")) == ["x1"]


def test_categories_are_offered_by_their_names_and_by_what_was_found(shelf: Stores) -> None:
    found = offered(shelf, "ligh")
    assert [one.name for one in found.categories] == ["Lighting"]
    product(shelf, "bulb", name="Lamp bulb", category="Workshop")
    assert {one.name for one in offered(shelf, "lamp").within} == {"Lighting", "Workshop"}
    assert offered(shelf, "mug").within == (), "all of them are in one"


def test_no_more_is_offered_than_there_is_room_for(stores: Stores) -> None:
    for number in range(9):
        product(stores, f"m{number}", name=f"Mug {number}", category=f"Mugs {number}")
    learn(stores)
    for typed in ("m", "mu", "mug"):
        found = offered(stores, typed)
        assert len(found.products) == suggestions.PRODUCTS, typed
        assert len(found.categories) == suggestions.CATEGORIES, typed


def test_a_likelier_spelling_is_offered_with_its_products(shelf: Stores) -> None:
    found = offered(shelf, "stonewear mug")
    assert found.meant == "stoneware mug"
    assert skus(found) == ["mug"]
    assert offered(shelf, "stoneware mug").meant is None


def test_a_spelling_that_finds_something_keeps_its_products(stores: Stores) -> None:
    for number in range(search.COMMONER + 1):
        product(stores, f"f{number:02}", name=f"Fromage {number}")
    product(stores, "slip", name="Fromge blanc")
    learn(stores)
    found = offered(stores, "fromge")
    assert (skus(found), found.meant) == (["slip"], "fromage")


def test_unlisted_products_are_not_offered(shelf: Stores) -> None:
    with shelf.transaction():
        shelf.products.unlist("lamp")
    for typed in ("l", "lamp", "brass l"):
        assert "lamp" not in skus(offered(shelf, typed)), typed


def test_a_word_of_most_products_completes_no_single_letter(stores: Stores) -> None:
    """Its products are the catalogue; a letter would read all of them."""
    with stores.transaction():
        stores.db.session.execute(
            text("""
                WITH made AS (
                    INSERT INTO products (sku, name, price_cents)
                    SELECT 'c' || n, 'Common ' || n, 100 FROM generate_series(1, :n) n RETURNING sku
                )
                INSERT INTO stock (sku, quantity, received) SELECT sku, 1, 1 FROM made
            """),
            {"n": suggestions.MOST_OF_ONE + 1},
        )
    product(stores, "cup", name="Cup")
    learn(stores)
    assert skus(offered(stores, "c")) == ["cup"]
    assert len(skus(offered(stores, "com"))) == suggestions.PRODUCTS


def test_a_short_word_that_many_products_have_is_found_when_it_is_typed_whole(stores: Stores) -> None:
    with stores.transaction():
        stores.db.session.execute(
            text("""
                WITH made AS (
                    INSERT INTO products (sku, name, price_cents)
                    SELECT 't' || n, 'TV ' || n, 100 FROM generate_series(1, :n) n RETURNING sku
                )
                INSERT INTO stock (sku, quantity, received) SELECT sku, 1, 1 FROM made
            """),
            {"n": suggestions.MOST_OF_ONE + 1},
        )
    learn(stores)
    assert skus(offered(stores, "t")) == []
    assert len(skus(offered(stores, "tv"))) == suggestions.PRODUCTS


def test_a_request_sends_few_statements(shelf: Stores) -> None:
    counts = shelf.products.categories()
    for typed, most in (("l", 1), ("stoneware m", 1), ("stonewear", 3), ("zzzz", 2)):
        with statements_of(shelf.db._engines.writer) as sent:
            shelf.products.suggestions(typed, counts)
        assert len(sent) <= most, typed


GOAL = 0.040
TYPED = (
    *("c", "ch", "cho", "choc", "chocolat", "chocolat n", "chocolat noir"),
    *("p", "pa", "pain", "pain d", "pain de", "l", "le", "fro", "fromge", "fromage bla", "yaourt nat"),
    *("jus d", "jus d orange", "pizza", "biscuit choc", "sau", "sauce tom", "huile", "zzzz", "e", "eau"),
)


@pytest.mark.alone
def test_fifty_thousand_products_answer_within_the_time_of_a_keystroke(
    stores: Stores, data: Path, tmp_path: Path
) -> None:
    """Printed for every text; the median of all is held."""
    import_catalog(stores, Path(shutil.copy(data / "catalog_openfoodfacts.csv.gz", tmp_path)))
    counts = stores.products.categories()
    times = {}
    for typed in TYPED:
        stores.products.suggestions(typed, counts)
        took = []
        for _ in range(5):
            began = time.perf_counter()
            stores.products.suggestions(typed, counts)
            took.append(time.perf_counter() - began)
        times[typed] = statistics.median(took)
        print(f"{typed:16} {times[typed] * 1000:6.1f} ms")
    median = statistics.median(times.values())
    print(f"{'median':16} {median * 1000:6.1f} ms")
    assert median < GOAL
