"""How often something may be tried: per client address, and per account without locking its owner out.

Per account: 60 tries an hour from browsers that never signed in to it. Past that each address still has three
an hour, so that an owner on a new device gets in while a swarm of guessers is slowed to next to nothing. A
browser that signed in before bears a signed cookie and counts by itself, whatever strangers do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

import structlog
from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from itsdangerous import BadSignature, URLSafeSerializer
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.errors import StoreUnavailable
from storefront.formats import minutes
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

WORDS = (
    "This was tried too often from your network, so we let nobody guess on. Please try again in {}."
    " What is held for you can be paid for meanwhile."
)
WORDS_OF_ACCOUNT = "There were too many tries to sign in. Please try again in {}."
TELL_EVERY = 60
"""Seconds between two lines in the log about a proxy that the settings don't know of."""


class SharedWindows(Storage):
    """Counts in DynamoDB, so that all processes share them; in this process's memory without it."""

    STORAGE_SCHEME = ["dynamodb"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        super().__init__(uri, wrap_exceptions, **options)
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
        try:
            return ask()
        except StoreUnavailable:
            if self._memory is None:
                self._memory = MemoryStorage()
            return remember(self._memory)


def told_by_a_proxy() -> bool:
    """Whether the client's address is not to be had: in production a proxy that the settings don't know of
    stands in between, and everybody would share its address. Somebody must set the number of proxies."""
    config = settings()
    if not config.production or config.trusted_proxies or "X-Forwarded-For" not in request.headers:
        return False
    _tell(int(time.monotonic() // TELL_EVERY))
    return True


@lru_cache(maxsize=1)
def _tell(_turn: int) -> None:
    """Once each ``TELL_EVERY``, not at every request."""
    log.error("proxy_not_trusted", setting="STOREFRONT_TRUSTED_PROXIES", limits="not by address")


def placed_from() -> str | None:
    """A keyed hash of the client's address, for orders that are held; None where it can't be told."""
    if told_by_a_proxy():
        return None
    key = settings().secret_key.get_secret_value().encode()
    return hmac.digest(key, b"placed-from:" + client_address().encode(), "sha256").hex()[:32]


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
looking_up = limiter.shared_limit(LOOK_UP, scope="look-up")
forgetting = limiter.limit(FORGOTTEN)


def register(app: Flask) -> None:
    limiter.request_filter(told_by_a_proxy)
    # Known to the app already, it looks at those views only that bear a limit, and not at every request.
    app.extensions["limiter"] = {limiter}
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _exceeded)


def _exceeded(_error: RateLimitExceeded) -> Response:
    limit = limiter.current_limit
    seconds = max(1, round(limit.reset_at - time.time() if limit else 60))
    response = answer(429, WORDS.format(minutes(seconds)))
    response.headers["Retry-After"] = str(seconds)
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
    if not _limiter().hit(OF_ACCOUNT, "account", account) and not told_by_a_proxy():
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
        seconds = max(1, round(_limiter().get_window_stats(item, *names).reset_time - time.time()))
        raise TooManyRequests(WORDS_OF_ACCOUNT.format(minutes(seconds)), retry_after=seconds)


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
    return URLSafeSerializer(settings().signing_keys, salt="known-browser")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
