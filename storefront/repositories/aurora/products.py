"""The catalogue as shoppers see it: home, lists, products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, and_, case, func, literal, select, true, union_all, update
from sqlalchemy.dialects.postgresql import ARRAY

from storefront.domain.cart import CartItem
from storefront.domain.catalog import (
    CategoryCount,
    HomePage,
    Listing,
    ListQuery,
    Product,
    ProductCard,
    ProductPage,
    Sort,
    Stock,
)
from storefront.domain.errors import NotFound
from storefront.domain.orders import Order, OrderStatus
from storefront.repositories.aurora import search
from storefront.repositories.aurora.engine import Database

PAGE_SIZE = 24
HOME_CATEGORIES = 8
HOME_NEWEST = 12
MENU = 24
"""So many categories a list offers; a catalogue may have hundreds."""

_available = Stock.quantity - Stock.reserved
_CARD = (
    Product.sku,
    Product.name,
    Product.price_cents,
    Product.category,
    Product.image_url,
    _available.label("available"),
)
# Ties fall to the SKU, ascending in every order.
_ORDERS: dict[Sort, tuple[Any, ...]] = {
    Sort.NEWEST: (Product.created_at.desc(), Product.sku),
    Sort.PRICE: (Product.price_cents, Product.sku),
    Sort.PRICE_DOWN: (Product.price_cents.desc(), Product.sku),
}
_BACKWARDS: dict[Sort, tuple[Any, ...]] = {
    Sort.NEWEST: (Product.created_at, Product.sku.desc()),
    Sort.PRICE: (Product.price_cents.desc(), Product.sku.desc()),
    Sort.PRICE_DOWN: (Product.price_cents, Product.sku.desc()),
}


class Products:
    """Reads run on an Aurora reader where there is one; only ``unlist`` and ``relist`` write."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def categories(self) -> tuple[CategoryCount, ...]:
        """Every category with its listed products, largest first; the name '' is for those without.

        It counts the whole catalogue, so whoever shows pages may keep the answer for a moment.
        """
        sold_out = func.count(Stock.sku)
        rows = self._db.catalogue(
            select(Product.category, func.count(), func.count() - sold_out)
            .join(Stock, and_(Stock.sku == Product.sku, Stock.quantity <= Stock.reserved), isouter=True)
            .where(Product.listed)
            .group_by(Product.category)
            .order_by(func.count().desc(), Product.category)
        )
        return tuple(CategoryCount(*row) for row in rows)

    def home(self, counts: tuple[CategoryCount, ...] | None = None) -> HomePage:
        """Largest categories and newest products, in two statements beside the counts."""
        counts = self.categories() if counts is None else counts
        largest = {c.name: c for c in counts if c.name}
        names = list(largest)[:HOME_CATEGORIES]
        cards = {card.category: card for card in self._faces(names)}
        return HomePage(
            categories=tuple((largest[name], cards[name]) for name in names if name in cards),
            newest=self._browse(ListQuery(), 0, HOME_NEWEST),
            products=sum(c.products for c in counts),
        )

    def listing(self, query: ListQuery, counts: tuple[CategoryCount, ...] | None = None) -> Listing:
        """One page of the list: two statements, or up to three for a search.

        ``counts`` is what ``categories()`` said a moment ago, when the caller kept it. Without words to
        search for, relevance means newest.

        Raises:
            NotFound: there is no such category.
        """
        if query.q:
            return self._search(query)
        query = replace(query, sort=Sort.NEWEST) if query.sort is Sort.RELEVANCE else query
        counts = self.categories() if counts is None else counts
        chosen = [c for c in counts if not query.category or c.name == query.category]
        if query.category and not chosen:
            raise NotFound(f"We have no category called {query.category!r}")
        total = sum(c.in_stock if query.in_stock else c.products for c in chosen)
        menu = [c for c in counts[: MENU + 1] if c.name][:MENU]
        if query.category and chosen[0] not in menu:
            menu.append(chosen[0])
        return Listing(
            query=query,
            cards=self._page(query, total),
            total=total,
            capped=False,
            pages=_pages(total),
            searched_for=None,
            categories=tuple(menu),
        )

    def page(self, sku: str) -> ProductPage:
        """A listed product with its stock, in one statement.

        Raises:
            NotFound: there is no such product, or it is unlisted.
        """
        next_free = (
            select(func.min(Order.expires_at))
            .join(CartItem, CartItem.cart_id == Order.cart_id)
            .where(CartItem.sku == Product.sku, Order.status == OrderStatus.PENDING)
            .correlate(Product)
            .scalar_subquery()
        )
        rows = self._db.catalogue(
            select(
                Product.sku,
                Product.name,
                Product.description,
                Product.price_cents,
                Product.category,
                Product.image_url,
                Product.created_at,
                Stock.quantity,
                Stock.reserved,
                case((and_(Stock.quantity > 0, Stock.quantity == Stock.reserved), next_free)),
            )
            .join(Stock, Stock.sku == Product.sku)
            .where(Product.sku == sku, Product.listed)
        )
        if not rows:
            raise NotFound("We can't find this product")
        return ProductPage(*rows[0])

    def related(self, product: ProductPage, limit: int = 4) -> tuple[ProductCard, ...]:
        """Available products of the same category, nearest in price; one statement.

        Each side of the price is a short walk along the index (category, price).
        """
        if not product.category:
            return ()
        near = (
            select(*_CARD)
            .join(Stock, Stock.sku == Product.sku)
            .where(
                Product.listed,
                Product.category == product.category,
                Product.sku != product.sku,
                _available > 0,
            )
        )
        sides = union_all(
            near.where(Product.price_cents >= product.price_cents)
            .order_by(Product.price_cents, Product.sku)
            .limit(limit)
            .subquery()
            .select(),
            near.where(Product.price_cents < product.price_cents)
            .order_by(Product.price_cents.desc(), Product.sku.desc())
            .limit(limit)
            .subquery()
            .select(),
        ).subquery()
        distance = func.abs(sides.c.price_cents - literal(product.price_cents))
        rows = self._db.catalogue(select(sides).order_by(distance, sides.c.sku).limit(limit))
        return tuple(ProductCard(*row) for row in rows)

    # --- what crawlers read

    def sitemap_starts(self, size: int) -> list[str]:
        """The SKU after which each sitemap of ``size`` products begins; the first is ''."""
        numbered = (
            select(Product.sku, func.row_number().over(order_by=Product.sku).label("n"))
            .where(Product.listed)
            .subquery()
        )
        last = select(func.max(numbered.c.n)).scalar_subquery()
        rows = self._db.catalogue(
            select(numbered.c.sku).where(numbered.c.n % size == 0, numbered.c.n < last).order_by(numbered.c.n)
        )
        return ["", *(row[0] for row in rows)]

    def sitemap(self, after: str, size: int, batch: int = 5_000) -> Iterator[tuple[str, datetime]]:
        """SKU and time of the ``size`` listed products after a SKU, read a batch at a time."""
        while size > 0:
            rows = self._db.catalogue(
                select(Product.sku, Product.created_at)
                .where(Product.listed, Product.sku > after)
                .order_by(Product.sku)
                .limit(min(batch, size))
            )
            yield from ((row[0], row[1]) for row in rows)
            if len(rows) < batch:
                return
            after, size = rows[-1][0], size - len(rows)

    # --- what operators change

    def unlist(self, sku: str) -> bool:
        """Take a product out of the shop; orders still show it. False if it was out already.

        Raises:
            NotFound: there is no such SKU.
        """
        return self._list(sku, False)

    def relist(self, sku: str) -> bool:
        """Show an unlisted product again; as ``unlist``."""
        return self._list(sku, True)

    def _list(self, sku: str, listed: bool) -> bool:
        session = self._db.session
        was = session.execute(select(Product.listed).where(Product.sku == sku).with_for_update()).scalar()
        if was is None:
            raise NotFound(f"There is no product with the SKU {sku!r}")
        if was is not listed:
            session.execute(update(Product).where(Product.sku == sku).values(listed=listed))
        return was is not listed

    # --- lists

    def _search(self, query: ListQuery) -> Listing:
        hits, mended = search.find(self._db, query, PAGE_SIZE), None
        if not hits.total and search.has_words(query.q):
            mended = search.mend(self._db, query.q)
            if mended:
                hits = search.find(self._db, replace(query, q=mended), PAGE_SIZE)
        return Listing(
            query=query,
            cards=hits.cards,
            total=hits.total,
            capped=hits.capped,
            pages=_pages(hits.total),
            searched_for=mended if hits.total else None,
            categories=hits.categories[:MENU],
        )

    def _page(self, query: ListQuery, total: int) -> tuple[ProductCard, ...]:
        """One page, walked to from the nearer end: the last page costs what the first does."""
        offset = (query.page - 1) * PAGE_SIZE
        size = min(PAGE_SIZE, total - offset)
        if size <= 0:
            return ()
        if offset <= total // 2:
            return self._browse(query, offset, size)
        return self._browse(query, total - offset - size, size, backwards=True)[::-1]

    def _browse(
        self, query: ListQuery, offset: int, size: int, backwards: bool = False
    ) -> tuple[ProductCard, ...]:
        """Cards of the list: index entries alone are walked to get there, rows are read for the cards."""
        order = (_BACKWARDS if backwards else _ORDERS)[query.sort]
        keys = select(Product.sku).where(Product.listed)
        if query.category:
            keys = keys.where(Product.category == query.category)
        if query.in_stock:
            keys = keys.join(Stock, Stock.sku == Product.sku).where(_available > 0)
        chosen = keys.order_by(*order).limit(size).offset(offset).subquery()
        rows = self._db.catalogue(
            select(*_CARD)
            .join(chosen, chosen.c.sku == Product.sku)
            .join(Stock, Stock.sku == Product.sku)
            .order_by(*order)
        )
        return tuple(ProductCard(*row) for row in rows)

    def _faces(self, categories: list[str]) -> tuple[ProductCard, ...]:
        """A card for each category: among its newest, one to be had and with a picture if possible."""
        if not categories:
            return ()
        names = func.unnest(literal(categories, ARRAY(Text)))
        wanted = names.table_valued("name", name="wanted").render_derived()
        newest = (
            select(*_CARD, Product.created_at)
            .join(Stock, Stock.sku == Product.sku)
            .where(Product.listed, Product.category == wanted.c.name)
            .order_by(*_ORDERS[Sort.NEWEST])
            .limit(PAGE_SIZE)
            .correlate(wanted)
            .subquery()
        )
        face = (
            select(newest)
            .order_by(
                (newest.c.available > 0).desc(),
                (newest.c.image_url != "").desc(),
                newest.c.created_at.desc(),
                newest.c.sku,
            )
            .limit(1)
            .lateral()
        )
        columns: Select[Any] = select(*(face.c[column.key] for column in _CARD))
        rows = self._db.catalogue(columns.select_from(wanted).join(face, true()))
        return tuple(ProductCard(*row) for row in rows)


def _pages(total: int) -> int:
    return -(-total // PAGE_SIZE)
