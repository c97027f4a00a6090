"""Who is signed in: Flask-Login over a session that holds the shopper's id and an epoch, nothing else.

The cookie is signed, not secret and not revocable by itself: what ends it is the epoch on the profile, read
again by every request that needs the account. Cart and order pages go on while DynamoDB is unavailable.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Request, Response, current_app, g, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.accounts import Profile
from storefront.domain.cart import CartView
from storefront.domain.errors import StoreUnavailable
from storefront.services.cart_merge import MergedLine
from storefront.web import htmx, shopper
from storefront.web.context import settings, stores

P = ParamSpec("P")

GO_ON = frozenset({"cart", "checkout", "lookup", "orders", "payments"})
"""Blueprints whose pages are for shoppers with and without an account."""
NOBODY = UUID(int=0)
MOST_TOLD = 15
"""Merged lines that the session has room for."""
TOLD_FOR = 15 * 60
_UNREADABLE = re.compile("[\x00-\x20\x7f-\x9f\\\\\u2028\u2029\ufffd]")


class User(UserMixin):  # type: ignore[misc]  # flask-login has no types
    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def get_id(self) -> str:
        return str(self.profile.user_id)


class Logins(LoginManager):  # type: ignore[misc]  # flask-login has no types
    """Without the parts that touch the session of every request, which would make every public page vary
    by cookie: the after-request hook of its remember cookie (there is none here) and ``current_user`` in
    every template."""

    def __init__(self) -> None:
        super().__init__()

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:  # noqa: ARG002 - flask-login's signature
        app.login_manager = self  # type: ignore[attr-defined]  # where flask-login looks

    def enter(self, user: User | None) -> None:
        """Whom the rest of this request is for."""
        self._update_request_context_with_user(user)

    def _load_user(self) -> None:
        profile = _profile_of_session()
        self.enter(User(profile) if profile else None)


def register(app: Flask) -> None:
    Logins().init_app(app)


def check_session(asked: Request) -> None:
    """Before a page of a shopper: whether the session still counts."""
    if asked.blueprint not in GO_ON:
        return
    if "epoch" in session:
        customer()
    else:
        # Before anything in a cookie that was left behind is believed.
        shopper.known()


def tell_header(response: Response) -> None:
    """After a session that turned out to be over: let the page's header say so."""
    if g.get("session_over") and not htmx.wants_part():
        forget(response)


def _logins() -> Logins:
    return cast(Logins, current_app.login_manager)  # type: ignore[attr-defined]  # set above


def _profile_of_session() -> Profile | None:
    """The account of a session that is not over.

    Raises:
        StoreUnavailable: DynamoDB is unavailable.
    """
    who, epoch = shopper.known(), session.get("epoch")
    if who is None or epoch is None:
        return None
    profile = stores().accounts.profile(who)
    if profile is not None and profile.session_epoch == epoch:
        return profile
    # Over for this request only. The browser may be getting a new cookie from another tab at this moment,
    # which one that is written here would undo.
    session.clear()
    session.modified = False
    g.session_over = True
    return None


# --- for views


def profile() -> Profile:
    """The signed-in customer, in a view that is ``required``."""
    return cast(Profile, current_user.profile)


def customer() -> Profile | None:
    """The signed-in customer, or None: also without DynamoDB, which cart and checkout go on without."""
    if "epoch" not in session:
        return None
    try:
        return profile() if current_user.is_authenticated else None
    except StoreUnavailable:
        return None


def guest() -> bool:
    return "epoch" not in session


def required(view: Callable[P, BaseResponse]) -> Callable[P, BaseResponse]:
    """A view for signed-in customers; others sign in first and come back.

    Raises:
        StoreUnavailable: DynamoDB is unavailable.
    """

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> BaseResponse:
        if current_user.is_authenticated:
            return view(*args, **kwargs)
        back = request.full_path.rstrip("?") if request.method == "GET" else "/account"
        return htmx.go(url_for("accounts.login", next=back))

    return checked


def require_store() -> None:
    """Refuse what can't be done without DynamoDB before anything is typed in vain.

    Raises:
        StoreUnavailable: it is unavailable.
    """
    if request.method == "GET":
        stores().accounts.profile(NOBODY)


def require_account() -> None:
    """Refuse a signed-in browser what an ended session must not do, while nobody can tell if it has ended.

    Raises:
        StoreUnavailable: DynamoDB is unavailable.
    """
    if customer() is None and not guest():
        raise StoreUnavailable("dynamodb")


def start(account: Profile) -> None:
    """Sign this browser in, in a session of new content; what its links let it see, it goes on seeing."""
    grants = {name: session[name] for name in shopper.GRANTS if name in session}
    session.clear()
    session["shopper"], session["epoch"] = str(account.user_id), account.session_epoch
    session.update(grants)
    session.permanent = True
    _logins().enter(User(account))


def finish() -> None:
    """Sign this browser out: the next thing put into a cart makes a new shopper."""
    session.clear()
    _logins().enter(None)


def show(response: BaseResponse) -> None:
    """Tell ``app.js`` that somebody is signed in, by a cookie that it can read."""
    response.set_cookie(
        "signed_in",
        "1",
        max_age=int(shopper.LIFETIME.total_seconds()),
        secure=settings().production,
        samesite="Lax",
    )


def forget(response: BaseResponse) -> None:
    for name in ("signed_in", "cart_count"):
        response.delete_cookie(name, secure=settings().production, samesite="Lax")


def safe_next(address: str | None, default: str = "/account") -> str:
    """Where to go after signing in: a path of this shop, else the default.

    ``////evil.test`` passes a look at scheme and host, and is then sent as another host; browsers read a
    backslash as a slash and leave out line breaks.
    """
    if not address or len(address) > 2000 or _UNREADABLE.search(address):
        return default
    path = address.partition("?")[0].partition("#")[0]
    parts = urlsplit(address)
    if not path.startswith("/") or "//" in path or parts.scheme or parts.netloc:
        return default
    return address


# --- what signing in did to the cart


def tell_merged(lines: list[MergedLine]) -> None:
    """Let ``/cart`` tell line by line what came of two carts."""
    told = [[m.sku, m.guest_qty, m.account_qty, m.qty] for m in lines if m.qty]
    if told:
        left = sum(1 for m in lines if not m.qty)
        session["merged"] = {
            "at": int(time.time()),
            "lines": told[:MOST_TOLD],
            "more": len(told[MOST_TOLD:]),
            "left": left,
        }


def merged(cart: CartView) -> dict[str, object] | None:
    """What there is to tell beside this cart: its lines with what became of each."""
    told = session.get("merged")
    if not told:
        return None
    there = {line.sku: line for line in cart.lines}
    lines = [
        {"line": there[sku], "guest_qty": theirs, "account_qty": ours}
        for sku, theirs, ours, _ in told["lines"]
        if sku in there
    ]
    if not lines or told["at"] < time.time() - TOLD_FOR:
        session.pop("merged")
        return None
    return {"lines": lines, "more": told["more"], "left": told["left"]}
