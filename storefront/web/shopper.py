"""Who is asking: the signed session's shopper id, and the orders a link has let this browser see."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID, uuid4

from flask import Flask, session
from werkzeug.wrappers import Response

from storefront.config import Settings
from storefront.domain.errors import NotFound
from storefront.domain.ids import UserId
from storefront.domain.orders import OrderView
from storefront.links import OrderLinks
from storefront.web.context import settings

LIFETIME = timedelta(days=90)
MOST_GRANTS = 20


def configure(app: Flask, config: Settings) -> None:
    secure = config.production
    app.config.update(
        SECRET_KEY=config.secret_key.get_secret_value(),
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SESSION_COOKIE_NAME="__Host-shop" if secure else "shop",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def known() -> UserId | None:
    """The shopper's id, if this browser ever put something in a cart."""
    text = session.get("shopper")
    try:
        return UserId(UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def identify() -> UserId:
    """The shopper's id, given now to a browser that has none: 90 days in the signed session."""
    shopper = known()
    if shopper is None:
        shopper = UserId(uuid4())
        session["shopper"] = str(shopper)
    session.permanent = True
    return shopper


def show_count(response: Response, count: int) -> None:
    """Tell ``app.js`` how many units the cart holds, by a cookie that it can read.

    Catalogue pages are the same bytes for everybody, so the count can't be in them.
    """
    response.set_cookie(
        "cart_count",
        str(count),
        max_age=int(LIFETIME.total_seconds()),
        secure=settings().production,
        samesite="Lax",
    )


# --- links that show an order


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
    let_see(order_id)


def let_see(order_id: UUID) -> None:
    """Let this browser see, not change, an order."""
    _grant("sees", order_id)


def let_change(order_id: UUID) -> None:
    """Let this browser see and change an order: it knows the order and its e-mail address."""
    _grant("may", order_id)


def _grant(name: str, order_id: UUID) -> None:
    others = [g for g in session.get(name, []) if g != order_id.hex]
    session[name] = [*others, order_id.hex][-MOST_GRANTS:]
    session.permanent = True


def may_change(order: OrderView) -> bool:
    """Whether it is the shopper's own order, or one whose e-mail address this browser confirmed."""
    return order.user_id == known() or order.order_id.hex in session.get("may", [])


def require_sight(order: OrderView) -> None:
    """Let pass who may change the order or came by its link.

    Raises:
        NotFound: for everybody else, as if there were no such order.
    """
    if not may_change(order) and order.order_id.hex not in session.get("sees", []):
        raise NotFound("We can't find this order")


def require_owner(order: OrderView) -> None:
    """Let pass only who may change the order.

    Raises:
        NotFound: for everybody else.
    """
    if not may_change(order):
        raise NotFound("We can't find this order")
