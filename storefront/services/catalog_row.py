"""One row of a catalogue file: what its columns may hold, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from storefront.domain.catalog import CATEGORY_MAX, DESCRIPTION_MAX, NAME_MAX, STOCK_MAX
from storefront.domain.ids import SKU_MAX, sku_problem
from storefront.domain.money import MAX_CENTS

REQUIRED = ("sku", "name", "price_cents")
OPTIONAL = ("description", "category", "image_url", "image_urls", "quantity")
COLUMNS = (*REQUIRED, *OPTIONAL)
TEXT_MAX = 1 << 20
"""Characters of a text that has no limit of its own but its line's."""

_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_PICTURE = re.compile(
    r"(/static/|https?://[\w.-]+(:[0-9]+)?(?=[/?#]|$))\S{0,2000}"
    # A photograph by its name, in a folder or not: `storefront catalog images` finds it by the last part.
    r"|(?!/)([^/:\x00-\x1f\x7f]{1,255}/){0,20}(?!\.{1,2}$)[^/:\x00-\x1f\x7f]{1,255}"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A good row. None stands for a column that the file does not have: what is there stays as it is.

    ``line`` is where it begins, from 1. ``picture_dropped``: one of its pictures was no
    address to show and no name of a photograph.
    """

    line: int
    sku: str
    name: str
    description: str | None
    price_cents: int
    category: str | None
    image_url: str | None
    image_urls: str | None
    quantity: int | None
    picture_dropped: bool


@dataclass(frozen=True, slots=True)
class Reject:
    line: int
    sku: str
    reason: str


class BadRow(Exception):
    """This row can't be taken; ``str()`` is the reason."""


def read_row(line: int, fields: Mapping[str, object]) -> Row:
    """Raises:
    BadRow: with all that is wrong with it.
    """
    wrong: list[str] = []

    def text(column: str, longest: int) -> str | None:
        value = fields.get(column)
        if value is None:
            return None
        problem = _text_problem(value, longest)
        if problem:
            wrong.append(f"{column} {problem}")
            return None
        return str(value)

    def number(column: str, most: int) -> int:
        try:
            return _number(fields.get(column), most)
        except BadRow as reason:
            wrong.append(f"{column} {reason}")
            return 0

    sku = text("sku", TEXT_MAX)
    if not wrong and (problem := sku_problem(sku or "")):
        wrong.append(problem)
    name = text("name", NAME_MAX)
    if not str(fields.get("name") or "").strip():
        wrong.append("name is empty")
    image_url = text("image_url", TEXT_MAX)
    picture_dropped = bool(image_url) and not _PICTURE.fullmatch(image_url or "")
    image_urls = text("image_urls", TEXT_MAX)
    given = (image_urls or "").split()
    more = [url for url in given if _PICTURE.fullmatch(url)]
    row = Row(
        line=line,
        sku=sku or "",
        name=name or "",
        description=text("description", DESCRIPTION_MAX),
        price_cents=number("price_cents", MAX_CENTS),
        category=text("category", CATEGORY_MAX),
        image_url="" if picture_dropped else image_url,
        image_urls=None if image_urls is None else " ".join(more),
        quantity=number("quantity", STOCK_MAX) if fields.get("quantity") not in (None, "") else None,
        picture_dropped=picture_dropped or len(more) < len(given),
    )
    if wrong:
        raise BadRow("; ".join(wrong))
    return row


def _text_problem(value: object, longest: int) -> str | None:
    """Why a value can't be stored as it came, or None. Only what PostgreSQL can't hold is refused."""
    if not isinstance(value, str):
        return "is not a text"
    if "\x00" in value:
        return "holds a NUL character"
    if _SURROGATE.search(value):
        return "is not valid UTF-8"
    if len(value) > longest:
        return f"is longer than {longest:,} characters"
    return None


def _number(value: object, most: int) -> int:
    """A whole number in plain digits. Nothing is guessed: an empty price is not a price of 0."""
    if value is None or value == "":
        raise BadRow("is empty")
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
        raise BadRow(f"is not a whole number: {shown(value)}")
    if int(digits) > most:
        raise BadRow(f"is more than {most:,}")
    return int(digits)


def shown(value: object) -> str:
    """A bad value fit for a line of the rejects file."""
    text = "" if value is None else str(value)
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: SKU_MAX + 1])
    return text if len(text) <= SKU_MAX else text[:SKU_MAX] + "…"
