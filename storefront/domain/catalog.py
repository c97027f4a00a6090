"""Products and what is in stock of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Identity, Index, Integer, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base
from storefront.domain.money import MAX_CENTS
from storefront.domain.pictures import source_name

NAME_MAX = 1_000
DESCRIPTION_MAX = 20_000
CATEGORY_MAX = 100
SEARCH_MAX = 200
STOCK_MAX = 1_000_000_000
VIEWS_MAX = 12
"""So many pictures of a product are shown."""
LOW_STOCK = 5
"""From this many units down, a page says how many are left."""

# fold() (migration 0001) is unaccent and lower case, declared immutable so that it may be generated from.
# All but letters and digits goes before the parser sees it: it would read "salt/pepper" as one file name
# and "1.5l" as a number, and then neither is found by its words.
WORDS = r"regexp_replace(fold({}), '[\W_]+', ' ', 'g')"
SEARCH = " || ".join(
    f"setweight(to_tsvector('simple', {WORDS.format(column)}), '{weight}')"
    for column, weight in (("name", "A"), ("category", "B"), ("description", "D"))
)


class Product(Base):
    __tablename__ = "products"

    sku: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    price_cents: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime | None]
    """Since when its page says what it says; a trigger sets it. Null: since it was created."""
    category: Mapped[str] = mapped_column(server_default="")
    image_url: Mapped[str] = mapped_column(server_default="")
    picture: Mapped[str] = mapped_column(server_default="")
    """Made of the photograph that ``image_url`` names: a ``Picture`` (domain/pictures.py) as text."""
    image_urls: Mapped[str] = mapped_column(server_default="")
    """More of them, separated by spaces; ``more_pictures`` has what was made, by the photograph's name."""
    more_pictures: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    listed: Mapped[bool] = mapped_column(server_default=text("true"))
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed(SEARCH, persisted=True))

    __table_args__ = (
        CheckConstraint(f"price_cents BETWEEN 0 AND {MAX_CENTS}", name="price"),
        CheckConstraint("char_length(sku) BETWEEN 1 AND 64", name="sku"),
        CheckConstraint("name <> ''", name="name"),
        Index(None, "search", postgresql_using="gin"),
        # The orders a list can have, each walked by its index from either end, within a category or not.
        Index("products_newest_idx", text("created_at DESC"), "sku", postgresql_where=text("listed")),
        Index("products_price_idx", "price_cents", "sku", postgresql_where=text("listed")),
        Index(
            "products_category_newest_idx",
            "category",
            text("created_at DESC"),
            "sku",
            postgresql_where=text("listed"),
        ),
        Index(
            "products_category_price_idx", "category", "price_cents", "sku", postgresql_where=text("listed")
        ),
    )


class Stock(Base):
    """Units of one product, in whole pieces.

    ``quantity`` is on hand, ``reserved`` of it is promised to pending orders, and ``received`` is all
    that was ever put in, net of corrections: what is not on hand any more was sold (invariant I3).
    """

    __tablename__ = "stock"

    sku: Mapped[str] = mapped_column(ForeignKey(Product.sku), primary_key=True)
    quantity: Mapped[int] = mapped_column(server_default="0")
    reserved: Mapped[int] = mapped_column(server_default="0")
    received: Mapped[int] = mapped_column(server_default="0")

    __table_args__ = (
        CheckConstraint("reserved >= 0 AND reserved <= quantity", name="reserved"),
        CheckConstraint("received >= quantity", name="received"),
        # Reservations change this row all day: room on the page keeps the updates heap-only.
        {"postgresql_with": {"fillfactor": "70"}},
    )


class CategoryRow(Base):
    """A change of a category's counts; their sums are the counts. Triggers of the database write them."""

    __tablename__ = "category_counts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    category: Mapped[str]
    products: Mapped[int] = mapped_column(BigInteger)
    in_stock: Mapped[int] = mapped_column(BigInteger)


class ListMark(Base):
    """The ``n``-th product of a list, from 0, by the key of the list's order; category '' is all of them."""

    __tablename__ = "list_marks"

    sort: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    sku: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime | None]
    price_cents: Mapped[int | None] = mapped_column(Integer)

    __table_args__ = (Index("list_marks_n_idx", "sort", "category", "n"),)


class SearchWord(Base):
    """The words products are found by, for correcting a mistyped search; rebuilt after an import."""

    __tablename__ = "search_words"

    word: Mapped[str] = mapped_column(primary_key=True)
    products: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index(None, "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),)


@dataclass(frozen=True)
class StockLevel:
    """What a shopper or operator may know of the stock of one SKU."""

    sku: str
    quantity: int
    reserved: int

    @property
    def available(self) -> int:
        return self.quantity - self.reserved


class Sort(StrEnum):
    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE = "price"
    PRICE_DOWN = "-price"


@dataclass(frozen=True)
class ListQuery:
    """What a shopper asks of the list, already checked; ``page`` counts from 1."""

    q: str = ""
    category: str = ""
    sort: Sort = Sort.NEWEST
    in_stock: bool = False
    page: int = 1


@dataclass(frozen=True)
class ProductCard:
    """A product in a list. ``available`` is net of holds."""

    sku: str
    name: str
    price_cents: int
    category: str
    image_url: str
    available: int
    picture: str = ""


@dataclass(frozen=True)
class ListedProduct:
    """A product as programs are told of it: feeds, sitemaps. ``available`` is net of holds."""

    sku: str
    name: str
    description: str
    price_cents: int
    category: str
    image_url: str
    picture: str
    changed_at: datetime
    available: int


@dataclass(frozen=True)
class CategoryCount:
    """How many listed products a category has, and how many of them can be had now (not told for hits)."""

    name: str
    products: int
    in_stock: int = 0


@dataclass(frozen=True)
class Listing:
    """One page of the list.

    ``total`` is exact unless ``capped``, when there are more than it says. ``searched_for`` is the
    corrected text when nothing was found by ``query.q`` as typed, else None.
    """

    query: ListQuery
    cards: tuple[ProductCard, ...]
    total: int
    capped: bool
    pages: int
    searched_for: str | None
    categories: tuple[CategoryCount, ...]


@dataclass(frozen=True)
class Suggestions:
    """What the search field offers for ``q`` while it is being typed.

    ``categories`` are named like what was typed, ``within`` are those of the products found. ``meant`` is a
    likelier spelling; ``found_by`` is what the products were found by: ``q``, or
    ``meant`` where that finds none.
    """

    q: str
    found_by: str
    products: tuple[ProductCard, ...] = ()
    categories: tuple[CategoryCount, ...] = ()
    within: tuple[CategoryCount, ...] = ()
    meant: str | None = None


@dataclass(frozen=True)
class HomePage:
    """``categories`` by size with one card each to show for them, and the newest products."""

    categories: tuple[tuple[CategoryCount, ProductCard], ...]
    newest: tuple[ProductCard, ...]
    products: int


@dataclass(frozen=True)
class View:
    """One of a product's pictures, as ``ProductCard`` has its only one."""

    name: str
    category: str
    image_url: str
    picture: str


@dataclass(frozen=True)
class ProductPage:
    """A listed product. ``next_free`` is when the next hold on it ends, told
    only when every unit on hand is held; ``related`` can be had now.
    """

    sku: str
    name: str
    description: str
    price_cents: int
    category: str
    image_url: str
    created_at: datetime
    quantity: int
    reserved: int
    next_free: datetime | None
    picture: str = ""
    image_urls: str = ""
    more_pictures: Mapping[str, str] = field(default_factory=dict)
    related: tuple[ProductCard, ...] = ()

    @property
    def views(self) -> tuple[View, ...]:
        """Its pictures, each once, the first one first; a page may not be able to show all of them."""
        made = {**self.more_pictures, source_name(self.image_url): self.picture}
        found: dict[str, View] = {}
        for url in (self.image_url, *self.image_urls.split()):
            name = source_name(url)
            if url:
                found.setdefault(name or url, View(self.name, self.category, url, made.get(name, "")))
        return tuple(found.values())[:VIEWS_MAX]

    @property
    def available(self) -> int:
        return self.quantity - self.reserved

    @property
    def all_held(self) -> bool:
        return self.quantity > 0 and self.available == 0
