"""Identifiers, and the two codes people read out: order numbers and tracking codes."""

from __future__ import annotations

import re
import secrets
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
OrderId = NewType("OrderId", UUID)
OrderNumber = NewType("OrderNumber", str)

# Crockford's base 32 leaves out I, L, O and U, and reads the first three as the digits they resemble
# (https://www.crockford.com/base32.html).
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("ILO", "110")
_NUMBER = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}")

SKU_MAX = 64
NO_SKU = "suggestions"
"""Below /products/ it is the address of another page."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def new_order_number() -> OrderNumber:
    """Eight random characters in two groups, such as ``7K3M-Q9TX``: 40 bits, unique by constraint."""
    letters = "".join(secrets.choice(CROCKFORD) for _ in range(8))
    return OrderNumber(f"{letters[:4]}-{letters[4:]}")


def read_order_number(text: str) -> OrderNumber | None:
    """The number a shopper typed, whatever its case, spaces or hyphens; None if it can't be one."""
    letters = re.sub(r"[\s-]", "", text).upper().translate(_LOOK_ALIKES)
    if not _NUMBER.fullmatch(letters):
        return None
    return OrderNumber(f"{letters[:4]}-{letters[4:]}")


def new_tracking_code() -> str:
    """The code of a parcel that the house delivers itself: ``LF``, eight random characters and a check
    character, so that a slip of the pen is no other parcel's code."""
    letters = "".join(secrets.choice(CROCKFORD) for _ in range(8))
    return f"LF{letters}{_check_character(letters)}"


def _check_character(letters: str) -> str:
    # Weights that are odd and differ between neighbours catch every single slip and most swaps.
    return CROCKFORD[sum(CROCKFORD.index(c) * (2 * i + 1) for i, c in enumerate(letters)) % 32]


def sku_problem(text: str) -> str | None:
    """Why a text can't be a SKU, or None when it can.

    SKUs are part of addresses: a leading slash, ``//`` and dot segments are folded away by clients
    and routers, so that such a product could never be opened.
    """
    if not text:
        return "sku is empty"
    if len(text) > SKU_MAX:
        return f"sku is longer than {SKU_MAX} characters"
    if _CONTROL.search(text):
        return "sku holds a control character"
    if text != text.strip():
        return "sku begins or ends with a space"
    if text.startswith("/") or text.endswith("/") or "//" in text:
        return "sku begins or ends with a slash or holds //"
    if any(part in (".", "..") for part in text.split("/")):
        return "sku holds a part that is . or .."
    if text == NO_SKU:
        return f"sku is {NO_SKU!r}, the address of another page"
    return None
