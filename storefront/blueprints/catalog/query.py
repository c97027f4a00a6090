"""What a shopper asks of the list, from the address."""

from __future__ import annotations

import re
from collections.abc import Mapping

from storefront.domain.catalog import CATEGORY_MAX, SEARCH_MAX, ListQuery, Sort
from storefront.domain.errors import Invalid, NotFound

PARAMETERS = ("q", "category", "sort", "in_stock", "page")
_PAGE = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def read(args: Mapping[str, str]) -> ListQuery:
    """The query in a list's address.

    Raises:
        Invalid: a value that no form of ours sends.
        NotFound: a page number that no list has.
    """
    q = typed(args)
    return ListQuery(
        q=q,
        category=_text(args, "category", CATEGORY_MAX),
        sort=_sort(args.get("sort", ""), q),
        in_stock=_flag(args.get("in_stock", "")),
        page=_page(args.get("page", "")),
    )


def typed(args: Mapping[str, str]) -> str:
    """What stands in the search field.

    Raises:
        Invalid: as ``read``.
    """
    return _text(args, "q", SEARCH_MAX)


def _text(args: Mapping[str, str], name: str, longest: int) -> str:
    value = args.get(name, "")
    # A category is compared as it was stored, spaces and all.
    value = value.strip() if name == "q" else value
    if len(value) > longest:
        raise _refused(name, f"Use at most {longest} characters")
    if _UNSTORABLE.search(value):
        raise _refused(name, "This holds a character that is not text")
    return value


def _sort(value: str, q: str) -> Sort:
    if value not in ("", *Sort):
        raise _refused("sort", "There is no such order")
    if not value:
        return Sort.RELEVANCE if q else Sort.NEWEST
    sort = Sort(value)
    return Sort.NEWEST if sort is Sort.RELEVANCE and not q else sort


def _flag(value: str) -> bool:
    if value not in ("", "0", "1"):
        raise _refused("in_stock", "This is 1 or left out")
    return value == "1"


def _page(value: str) -> int:
    """``int()`` would also take ``1_0``, `` 7 `` and ``٣``."""
    if not value:
        return 1
    if _PAGE.fullmatch(value):
        return int(value)
    if _DIGITS.fullmatch(value):
        raise NotFound("There is no such page of this list")
    raise _refused("page", "A page is a number")


def _refused(name: str, words: str) -> Invalid:
    return Invalid(words, {name: words})
