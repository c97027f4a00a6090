"""Who is asking: the signed session's shopper id."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from uuid import UUID, uuid4

from flask import Flask, g, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.wrappers import Response

from storefront.config import Settings
from storefront.domain.ids import UserId
from storefront.services import shopper_claims
from storefront.web.context import settings, stores

LIFETIME = timedelta(days=90)
GRANTS = ("sees", "knows", "placed", "changes")
"""What ``order_access`` keeps in the session."""


class Sessions(SecureCookieSessionInterface):
    """Flask's, whose serializer is made once and not for every request: its keys don't change."""

    @lru_cache(maxsize=8)  # noqa: B019 - lives as long as the app
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        return super().get_signing_serializer(app)


def configure(app: Flask, config: Settings) -> None:
    app.session_interface = Sessions()
    secure = config.production
    app.config.update(
        SECRET_KEY=config.secret_key.get_secret_value(),
        SECRET_KEY_FALLBACKS=config.fallback_keys,
        # Flask-WTF knows nothing of fall-backs, but hands what it is given to itsdangerous, which does.
        WTF_CSRF_SECRET_KEY=config.signing_keys,
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SESSION_COOKIE_NAME="__Host-shop" if secure else "shop",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def known() -> UserId | None:
    """The shopper's id, if this browser ever put something in a cart.

    None, too, for an id that is an account's which this session is not signed in to: the cookie was copied
    before its owner registered, or was left behind, and nothing in it counts any more.

    Raises:
        StoreUnavailable: as ``shopper_claims.is_guest``.
    """
    shopper = _told()
    # login.check_session has looked at what bears an epoch.
    if shopper is None or "epoch" in session or g.get("guest") == shopper:
        return shopper
    if not shopper_claims.is_guest(stores(), shopper):
        session.clear()
        # For this request only: the browser may be getting its own new cookie at this moment.
        session.modified = False
        return None
    g.guest = shopper
    return shopper


def _told() -> UserId | None:
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
        session["shopper"], g.guest = str(shopper), shopper
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


def keep_private(response: Response) -> Response:
    """Links to an order must not travel; ``no-referrer`` would make our own posts say ``Origin: null``."""
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
