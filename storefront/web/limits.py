"""How often something may be tried: per client address, and per account without locking its owner out.

Per account: 60 tries an hour from browsers that never signed in to it. Past that each address still has three
an hour, so that an owner on a new device gets in while a swarm of guessers is slowed to next to nothing. A
browser that signed in before bears a signed cookie and counts by itself, whatever strangers do.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

import structlog
from flask import Flask, Response, g, request
from flask_limiter import Limiter, RateLimitExceeded
from itsdangerous import BadSignature, URLSafeSerializer
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.errors import StoreUnavailable
from storefront.web.context import settings, stores
from storefront.web.errors import answer

log = structlog.get_logger()
T = TypeVar("T")

SIGN_IN = "30 per 10 minutes"
REGISTER = "20 per hour"
LOOK_UP = "30 per 10 minutes"
FORGOTTEN = "10 per 10 minutes"

OF_ACCOUNT = parse("60 per hour")
OF_ACCOUNT_AND_ADDRESS = parse("3 per hour")
OF_KNOWN_BROWSER = parse("20 per hour")
MAILS_OF_ACCOUNT = parse("5 per hour")

KNOWN_FOR = timedelta(days=365)
AWAY = 5.0
"""Seconds for which a process counts in its memory after DynamoDB did not answer."""

WORDS = "Please wait a while before you try again."


class SharedWindows(Storage):
    """Counts in DynamoDB, so that all processes share them; in this process's memory while it is away."""

    STORAGE_SCHEME = ["dynamodb"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._away_until = 0.0
        self._memory: MemoryStorage | None = None

    @property
    def base_exceptions(self) -> type[Exception]:
        return StoreUnavailable

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._shared(
            lambda: stores().counters.hit(key, expiry, amount),
            lambda memory: memory.incr(key, expiry, amount),
        )

    def get(self, key: str) -> int:
        return self._shared(lambda: stores().counters.read(key)[0], lambda memory: memory.get(key))

    def get_expiry(self, key: str) -> float:
        return self._shared(
            lambda: stores().counters.read(key)[1] or time.time(), lambda memory: memory.get_expiry(key)
        )

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        raise NotImplementedError("counters are forgotten one by one, or by their time")

    def clear(self, key: str) -> None:
        self._shared(lambda: stores().counters.clear(key), lambda memory: memory.clear(key))

    def _shared(self, ask: Callable[[], T], remember: Callable[[MemoryStorage], T]) -> T:
        if time.monotonic() >= self._away_until:
            try:
                return ask()
            except StoreUnavailable:
                # The request must not wait for DynamoDB a second time: see login.require_store.
                g.dynamodb_away = True
                self._away_until = time.monotonic() + AWAY
                log.warning("limits_in_memory")
        if self._memory is None:
            self._memory = MemoryStorage()
        return remember(self._memory)


def client_address() -> str:
    """Whom a limit counts: an IPv4 address, or the /64 that one IPv6 customer usually has whole."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return request.remote_addr or "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


limiter = Limiter(key_func=client_address, storage_uri="dynamodb://", strategy="fixed-window")
signing_in = limiter.shared_limit(SIGN_IN, scope="sign-in")
registering = limiter.limit(REGISTER)
looking_up = limiter.limit(LOOK_UP)
forgetting = limiter.limit(FORGOTTEN)


def register(app: Flask) -> None:
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _exceeded)


def _exceeded(_error: RateLimitExceeded) -> Response:
    limit = limiter.current_limit
    seconds = limit.reset_at - time.time() if limit else 60
    response = answer(429, WORDS)
    response.headers["Retry-After"] = str(max(1, round(seconds)))
    return response


# --- per account


def count_try(key: str) -> None:
    """Count a try at an account before its password is looked at, so that tries at once all count.

    ``key`` is the e-mail's key, whether there is such an account or not.

    Raises:
        TooManyRequests: too many, with the seconds until the next may be made.
    """
    account = _digest(key)
    browser = _known_as(account)
    if browser:
        _hit(OF_KNOWN_BROWSER, "known", browser)
        return
    if not _limiter().hit(OF_ACCOUNT, "account", account):
        _hit(OF_ACCOUNT_AND_ADDRESS, "account", account, client_address())


def may_mail(key: str) -> bool:
    """Whether one more mail to this account is not too many; the answer shows in no page."""
    return _limiter().hit(MAILS_OF_ACCOUNT, "mail", _digest(key))


def remember_browser(response: BaseResponse, key: str) -> None:
    """Let this browser, which has just signed in, count by itself from now on."""
    account = _digest(key)
    if _known_as(account):
        return
    secure = settings().production
    response.set_cookie(
        _cookie(),
        str(_signer().dumps([account, secrets.token_urlsafe(12)])),
        max_age=int(KNOWN_FOR.total_seconds()),
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def _hit(item: RateLimitItem, *names: str) -> None:
    if not _limiter().hit(item, *names):
        seconds = _limiter().get_window_stats(item, *names).reset_time - time.time()
        raise TooManyRequests(WORDS, retry_after=max(1, round(seconds)))


def _limiter() -> FixedWindowRateLimiter:
    strategy = limiter.limiter
    assert isinstance(strategy, FixedWindowRateLimiter)
    return strategy


def _known_as(account: str) -> str:
    """The name under which this browser counts at this account; empty when it is a stranger."""
    try:
        told = _signer().loads(request.cookies.get(_cookie(), ""))
    except BadSignature:
        return ""
    return str(told[1]) if isinstance(told, list) and told[0] == account else ""


def _cookie() -> str:
    return "__Host-known" if settings().production else "known"


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(settings().secret_key.get_secret_value(), salt="known-browser")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
