"""Reads of the catalogue on real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest
from sqlalchemy import text

from storefront.domain.catalog import ListQuery, Sort
from storefront.domain.errors import NotFound
from storefront.repositories.aurora import search
from storefront.repositories.aurora.products import PAGE_SIZE
from storefront.services.catalog_import import import_catalog
from storefront.stores import Stores
from tests.support.database import statements_of
from tests.support.factories import order, product


def learn(stores: Stores) -> None:
    with stores.transaction():
        search.rebuild_words(stores.db)


def skus(stores: Stores, **query: object) -> list[str]:
    return [card.sku for card in stores.products.listing(ListQuery(**query)).cards]  # type: ignore[arg-type]


def set_times(stores: Stores, *in_order: str) -> None:
    with stores.transaction():
        for minutes, sku in enumerate(in_order):
            stores.db.session.execute(
                text("UPDATE products SET created_at = now() - :age WHERE sku = :sku"),
                {"sku": sku, "age": timedelta(minutes=minutes)},
            )


def test_each_order_breaks_ties_by_sku(stores: Stores) -> None:
    for sku, price in (("b", 200), ("a", 200), ("c", 100), ("d", 300)):
        product(stores, sku, price=price)
    set_times(stores, "c", "a", "d", "b")
    with stores.transaction():
        stores.db.session.execute(text("UPDATE products SET created_at = now() WHERE sku IN ('c', 'd')"))
    assert skus(stores, sort=Sort.PRICE) == ["c", "a", "b", "d"]
    assert skus(stores, sort=Sort.PRICE_DOWN) == ["d", "a", "b", "c"]
    assert skus(stores, sort=Sort.NEWEST) == ["c", "d", "a", "b"]


@pytest.mark.parametrize("sort", [Sort.NEWEST, Sort.PRICE, Sort.PRICE_DOWN])
@pytest.mark.parametrize("in_stock", [False, True])
def test_the_pages_of_a_list_hold_every_product_once_and_in_order(
    stores: Stores, sort: Sort, in_stock: bool
) -> None:
    total = 5 * PAGE_SIZE + 7
    with stores.transaction():
        stores.db.session.execute(
            text(
                "INSERT INTO products (sku, name, price_cents, category) SELECT 's' || lpad(n::text, 4, '0'),"
                " 'thing', 100 * (n % 7), 'C' FROM generate_series(1, :n) n"
            ),
            {"n": total},
        )
        stores.db.session.execute(
            text(
                "INSERT INTO stock (sku, quantity, received, reserved) SELECT sku, 3, 3,"
                " CASE WHEN price_cents = 300 THEN 3 ELSE 0 END FROM products"
            )
        )
    first = stores.products.listing(ListQuery(sort=sort, in_stock=in_stock))
    seen = [
        card
        for page in range(1, first.pages + 1)
        for card in stores.products.listing(ListQuery(sort=sort, in_stock=in_stock, page=page)).cards
    ]
    prices = {card.sku: card.price_cents for card in seen}
    assert len(seen) == len(prices) == first.total == (total - total // 7 if in_stock else total)
    sign = {Sort.NEWEST: 0, Sort.PRICE: 1, Sort.PRICE_DOWN: -1}[sort]
    assert [card.sku for card in seen] == sorted(prices, key=lambda sku: (sign * prices[sku], sku))


def test_a_page_past_the_last_is_empty_and_knows_the_total(stores: Stores) -> None:
    product(stores, "only")
    beyond = stores.products.listing(ListQuery(page=9))
    assert (beyond.cards, beyond.total, beyond.pages) == ((), 1, 1)
    found = stores.products.listing(ListQuery(q="only", page=9))
    assert (found.cards, found.total, found.pages) == ((), 1, 1)
    assert stores.products.listing(ListQuery(q="only", page=999_999)).total == 1


def test_in_stock_leaves_out_what_is_held(stores: Stores) -> None:
    product(stores, "free", quantity=2)
    product(stores, "held", quantity=1)
    order(stores, "held")
    assert set(skus(stores)) == {"free", "held"}
    assert skus(stores, in_stock=True) == ["free"]
    assert skus(stores, q="product", in_stock=True) == ["free"]
    assert stores.products.listing(ListQuery(in_stock=True)).total == 1


def test_a_category_holds_its_own_and_an_unknown_one_is_not_found(stores: Stores) -> None:
    product(stores, "lamp", category="Light & more")
    product(stores, "pan", category="Kitchen")
    found = stores.products.listing(ListQuery(category="Light & more"))
    assert [card.sku for card in found.cards] == ["lamp"]
    assert {(c.name, c.products) for c in found.categories} == {("Light & more", 1), ("Kitchen", 1)}
    assert skus(stores, q="product", category="Kitchen") == ["pan"]
    with pytest.raises(NotFound):
        stores.products.listing(ListQuery(category="light & more"))


@pytest.mark.parametrize(
    "typed",
    [
        "café crème",
        "CAFE",
        "crem",
        "cafe   creme!",
        "creme-cafe",
        "'cafe' & | ! ( :* <-> \\",
        "salt",
        "pepp",
        "15l",
    ],
)
def test_words_are_found_without_accents_case_order_or_syntax(stores: Stores, typed: str) -> None:
    product(stores, "hit", name="Café-Crème, salt/pepper 1.15l")
    product(stores, "other", name="Teapot")
    assert skus(stores, q=typed) == ["hit"]


@pytest.mark.parametrize("typed", ["***", "' OR 1=1 --", "\U0001f600", "%", "_", "nothing at all", "x" * 200])
def test_what_matches_nothing_is_an_empty_list(stores: Stores, typed: str) -> None:
    product(stores, "pot", name="Teapot")
    learn(stores)
    found = stores.products.listing(ListQuery(q=typed))
    assert (found.cards, found.total, found.searched_for) == ((), 0, None)


def test_a_name_ranks_above_a_description(stores: Stores) -> None:
    product(stores, "a", name="Copper pan")
    product(stores, "b", name="Teapot")
    with stores.transaction():
        stores.db.session.execute(
            text("UPDATE products SET description = 'goes with a teapot' WHERE sku = 'a'")
        )
    assert skus(stores, q="teapot", sort=Sort.RELEVANCE) == ["b", "a"]


def test_a_sku_finds_its_product(stores: Stores) -> None:
    product(stores, "0012/AB", name="Teapot")
    product(stores, "0012", name="Pan")
    assert skus(stores, q="0012/AB") == ["0012/AB"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("teapto", "teapot"),
        ("mlik", "milk"),
        ("copper teepot", "copper teapot"),
        ("mlk", "milk"),
        ("Téapoot", "teapot"),
    ],
)
def test_mistyped_words_are_mended_and_the_page_says_so(stores: Stores, typed: str, meant: str) -> None:
    product(stores, "pot", name="Copper teapot")
    product(stores, "jug", name="Milk jug")
    learn(stores)
    found = stores.products.listing(ListQuery(q=typed))
    assert found.searched_for == meant
    assert len(found.cards) == 1
    assert found.query.q == typed


def test_a_word_some_name_mistypes_is_mended_too(stores: Stores) -> None:
    for number in range(search.COMMONER + 1):
        product(stores, name=f"Fromage {number}")
    product(stores, "blanc", name="Fromage blanc")
    product(stores, name="Biscuits au fromge")
    learn(stores)
    found = stores.products.listing(ListQuery(q="fromge blnc"))
    assert found.searched_for == "fromage blanc"
    assert [card.sku for card in found.cards] == ["blanc"]
    assert len(skus(stores, q="fromge")) == 1


def test_a_search_that_finds_something_is_never_mended(stores: Stores) -> None:
    product(stores, "a", name="Chocolatte")
    for _ in range(30):
        product(stores, name="Chocolate")
    learn(stores)
    found = stores.products.listing(ListQuery(q="chocolatte"))
    assert (found.searched_for, [card.sku for card in found.cards]) == (None, ["a"])


def test_hits_beyond_the_cap_are_told_not_counted(stores: Stores) -> None:
    with stores.transaction():
        stores.db.session.execute(
            text(
                "INSERT INTO products (sku, name, price_cents) SELECT n::text, 'thing', n"
                " FROM generate_series(1, :n) n"
            ),
            {"n": search.CAP + 50},
        )
        stores.db.session.execute(text("INSERT INTO stock (sku) SELECT sku FROM products"))
    found = stores.products.listing(ListQuery(q="thing", sort=Sort.PRICE))
    assert (found.total, found.capped) == (search.CAP, True)
    # The cap keeps the first in the order asked for, not any.
    assert [card.price_cents for card in found.cards] == list(range(1, PAGE_SIZE + 1))
    last = stores.products.listing(ListQuery(q="thing", sort=Sort.PRICE, page=found.pages))
    assert last.cards[-1].price_cents == search.CAP


def test_unlisted_products_are_nowhere(stores: Stores) -> None:
    product(stores, "gone", name="Teapot")
    with stores.transaction():
        assert stores.products.unlist("gone")
    assert skus(stores) == [] == skus(stores, q="teapot")
    assert stores.products.home().products == 0
    assert list(stores.products.sitemap("", None)) == []
    with pytest.raises(NotFound):
        stores.products.page("gone")
    with stores.transaction():
        assert not stores.products.unlist("gone")
        assert stores.products.relist("gone")
    assert skus(stores) == ["gone"]
    with pytest.raises(NotFound), stores.transaction():
        stores.products.unlist("GONE")


def test_a_product_tells_its_stock_and_when_a_held_one_may_come_free(stores: Stores) -> None:
    product(stores, "one", quantity=1)
    assert stores.products.page("one").next_free is None
    view = stores.orders.view(order(stores, "one"))
    page = stores.products.page("one")
    assert (page.quantity, page.reserved, page.available, page.all_held) == (1, 1, 0, True)
    assert page.next_free == view.expires_at
    with pytest.raises(NotFound):
        stores.products.page("ONE")


def test_related_are_available_ones_of_the_category_nearest_in_price(stores: Stores) -> None:
    product(stores, "this", price=1000)
    for sku, price in (("far", 5000), ("near", 1100), ("below", 950), ("same", 1000), ("above", 1500)):
        product(stores, sku, price=price)
    product(stores, "sold", price=1000, quantity=0)
    product(stores, "else", price=1000, category="Garden")
    related = stores.products.page("this").related
    assert [card.sku for card in related] == ["same", "below", "near", "above"]


def test_home_shows_the_largest_categories_with_one_to_be_had(stores: Stores) -> None:
    for category, count in (("Small", 1), ("Large", 3), ("", 5)):
        for number in range(count):
            product(stores, f"{category}{number}", category=category, quantity=number)
    home = stores.products.home()
    assert [(c.name, c.products) for c, _ in home.categories] == [("Large", 3), ("Small", 1)]
    assert home.categories[0][1].available > 0
    assert home.products == 9
    assert len(home.newest) == 9


def test_pages_keep_to_their_number_of_statements(stores: Stores) -> None:
    product(stores, "pot", name="Teapot")
    learn(stores)
    for read, most in (
        (stores.products.home, 3),
        (lambda: stores.products.listing(ListQuery(in_stock=True, category="Kitchen")), 2),
        (lambda: stores.products.listing(ListQuery(q="teapot")), 1),
        (lambda: stores.products.listing(ListQuery(q="taepot")), 3),
        (lambda: stores.products.listing(ListQuery(q="zzzz")), 2),
        (lambda: stores.products.page("pot"), 1),
    ):
        with statements_of(stores.db._engines.reader) as sent:
            read()
        assert len(sent) == most, sent


def test_the_last_page_of_a_large_catalogue_costs_what_the_first_does(
    stores: Stores, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "catalog.csv.gz"
    file.write_bytes((data / "catalog_openfoodfacts.csv.gz").read_bytes())
    done = import_catalog(stores, file)
    assert done.new == done.read == 51_373
    first = stores.products.listing(ListQuery(q="fromge blnc")).cards[0]
    assert first.name.lower().startswith("fromage blanc")

    counts = stores.products.categories()

    def cost(page: int, sort: Sort, in_stock: bool = False) -> float:
        times = []
        for _ in range(5):
            began = perf_counter()
            listing = stores.products.listing(ListQuery(sort=sort, page=page, in_stock=in_stock), counts)
            times.append(perf_counter() - began)
            assert listing.cards
        return min(times)

    pages = {
        in_stock: stores.products.listing(ListQuery(in_stock=in_stock), counts).pages
        for in_stock in (False, True)
    }
    assert pages[False] == 2_141
    for sort in (Sort.NEWEST, Sort.PRICE, Sort.PRICE_DOWN):
        for in_stock, last in pages.items():
            assert cost(last, sort, in_stock) < max(3 * cost(1, sort, in_stock), 0.03)
