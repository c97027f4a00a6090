"""What this browser may do with an order: change one's own, and see what a link or a look-up opens.

Kept in the signed session, for the latest orders only: ``sees`` (came by a link), ``knows`` (typed the
order's e-mail address), ``placed`` (ordered here, before signing in) and ``changes`` (used a one-time link;
until when).
"""

from __future__ import annotations

import time
from enum import IntEnum
from typing import Final
from uuid import UUID

from flask import Flask, Response, session

from storefront.domain.errors import ChangeRefused, NotFound
from storefront.domain.order_views import OrderSummary
from storefront.links import OrderLinks
from storefront.web import htmx, shopper
from storefront.web.context import settings

MOST_GRANTS = 20
CHANGES_FOR: Final = 3600
"""Seconds for which a one-time link lets an order be changed."""


class Access(IntEnum):
    """Each lets one do what those before it do."""

    NONE = 0
    SEES = 1
    """Where it stands, without name, street and phone."""
    KNOWS = 2
    """All there is to see; and to pay for it, which takes nothing from anybody."""
    CHANGES = 3


def register(app: Flask) -> None:
    app.register_error_handler(ChangeRefused, _refused)


def _refused(refused: ChangeRefused) -> Response:
    """Says why, and offers the way: a mailed link."""
    values = {"order_id": refused.order_id, "knows": refused.knows, "state": "refused"}
    return htmx.render("orders/link.html", status=403, **values)


def of(order: OrderSummary) -> Access:
    name, who = order.order_id.hex, shopper.known()
    until = session.get("changes", {}).get(name, 0)
    if order.user_id == who or name in session.get("placed", []) or until > time.time():
        return Access.CHANGES
    if name in session.get("knows", []):
        return Access.KNOWS
    return Access.SEES if name in session.get("sees", []) else Access.NONE


def require(order: OrderSummary, least: Access) -> None:
    """Let pass who may do what they ask for.

    Raises:
        NotFound: they can't even see it, as if there were no such order.
        ChangeRefused: they see it, and that is all.
    """
    access = of(order)
    if access is Access.NONE:
        raise NotFound("We can't find this order")
    if access < least:
        raise ChangeRefused(order.order_id, knows=access is Access.KNOWS)


# --- what gives access


def view_key(order_id: UUID, until: int) -> str:
    """A key that shows one order until a time (seconds since 1970); it lets nothing be changed.

    The same order and time give the same key, so a repeated call to Stripe carries the same addresses.
    """
    return OrderLinks(settings()).key(order_id, until)


def use_key(order_id: UUID, key: str) -> None:
    """Let this browser see an order that its link names.

    Raises:
        NotFound: the key is of another order, too old, or not ours.
    """
    if not OrderLinks(settings()).opens(order_id, key, time.time()):
        raise NotFound("This link does not show an order any more")
    _grant("sees", order_id)


def let_know(order_id: UUID) -> None:
    """This browser has told the order's e-mail address."""
    _grant("knows", order_id)


def keep_placed(order_id: UUID) -> None:
    """This browser placed the order, as a guest that it is not any more."""
    _grant("placed", order_id)


def let_change(order_id: UUID) -> None:
    """This browser has used the link that was mailed to the order's address."""
    _grant("knows", order_id)
    others = {name: until for name, until in session.get("changes", {}).items() if until > time.time()}
    session["changes"] = {**others, order_id.hex: int(time.time()) + CHANGES_FOR}


def _grant(name: str, order_id: UUID) -> None:
    others = [one for one in session.get(name, []) if one != order_id.hex]
    session[name] = [*others, order_id.hex][-MOST_GRANTS:]
    session.permanent = True
