"""The catalogue as shoppers see it: home, lists, products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import select, update

from storefront.domain.catalog import (
    CategoryCount,
    HomePage,
    ListedProduct,
    Listing,
    ListQuery,
    Product,
    ProductCard,
    ProductPage,
    Sort,
    Suggestions,
)
from storefront.domain.errors import NotFound
from storefront.repositories.aurora import (
    category_counts,
    feed,
    list_marks,
    product_page,
    search,
    suggestions,
)
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.product_cards import browse, faces

PAGE_SIZE = 24
HOME_CATEGORIES = 8
HOME_NEWEST = 12
MENU = 24
"""So many categories a list offers; a catalogue may have hundreds."""


class Products:
    """Reads run on an Aurora reader where there is one; operators, imports and workers write."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def categories(self) -> tuple[CategoryCount, ...]:
        """Every category with its listed products, largest first; the name '' is for those without."""
        return category_counts.read(self._db)

    def home(self, counts: tuple[CategoryCount, ...] | None = None) -> HomePage:
        """Largest categories and newest products, in two statements beside the counts."""
        counts = self.categories() if counts is None else counts
        largest = {c.name: c for c in counts if c.name}
        names = list(largest)[:HOME_CATEGORIES]
        cards = {card.category: card for card in faces(self._db, names)}
        return HomePage(
            categories=tuple((largest[name], cards[name]) for name in names if name in cards),
            newest=browse(self._db, ListQuery(), 0, HOME_NEWEST),
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

    def suggestions(self, typed: str, counts: tuple[CategoryCount, ...]) -> Suggestions:
        """What the search field offers for what was typed so far; ``counts`` as of ``listing``."""
        return suggestions.suggest(self._db, typed, counts)

    def page(self, sku: str) -> ProductPage:
        """A listed product with its stock and related products, in one statement.

        Raises:
            NotFound: there is no such product, or it is unlisted.
        """
        return product_page.read(self._db, sku)

    # --- what crawlers and programs read

    def in_feeds(self, sku: str) -> ListedProduct:
        """A listed product as programs are told of it.

        Raises:
            NotFound: as ``page``.
        """
        return feed.one(self._db, sku)

    def feed(self) -> Iterator[list[ListedProduct]]:
        """All listed products, a batch at a time; nothing is held between two batches."""
        return feed.whole(self._db)

    def sitemap_starts(self, size: int) -> list[str]:
        """The SKU after which each sitemap of ``size`` products begins; the first is ''."""
        return feed.starts(self._db, size)

    def sitemap(self, after: str, until: str | None) -> Iterator[list[ListedProduct]]:
        """The listed products of one sitemap, a batch at a time, without their descriptions."""
        return feed.between(self._db, after, until)

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
            list_marks.move(self._db, sku, 1 if listed else -1)
        return was is not listed

    def fold_counts(self) -> bool:
        """Keep reading the counts cheap; False if there was nothing to do."""
        return category_counts.fold(self._db)

    def recount(self) -> None:
        """Count all categories anew, and mark where the pages of their lists begin."""
        category_counts.recount(self._db)
        list_marks.rebuild(self._db)

    # --- lists

    def _search(self, query: ListQuery) -> Listing:
        hits, mended = search.find(self._db, query, PAGE_SIZE), None
        if not hits.total and search.has_words(query.q):
            mended = search.correct_spelling(self._db, query.q)
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
        """One page, walked to from the nearer end, or from the mark before it if both are far."""
        offset = (query.page - 1) * PAGE_SIZE
        size = min(PAGE_SIZE, total - offset)
        if size <= 0:
            return ()
        rest = total - offset - size
        if min(offset, rest) > list_marks.STEP and not query.in_stock:
            marked = list_marks.browse(self._db, query, offset, size)
            if marked:
                return marked
        if offset <= rest:
            return browse(self._db, query, offset, size)
        return browse(self._db, query, rest, size, backwards=True)[::-1]


def _pages(total: int) -> int:
    return -(-total // PAGE_SIZE)
