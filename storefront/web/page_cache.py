"""Pages that are the same bytes for every shopper, kept for a moment: by this process, browsers and CDNs."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import cached_property, wraps
from threading import Lock
from typing import Generic, ParamSpec, TypeVar, cast

import brotli
from flask import Response, current_app, request

from storefront.web import htmx

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 1.5
"""How long a page is kept here, counted from before its reads. With ``max-age`` on top, no page that
shows availability is older than three seconds (DESIGN section 6)."""
BROWSER_SECONDS = 1
MOST_BYTES = 32 * 1024 * 1024
WAIT_SECONDS = 3.0
"""How long a request waits for another that renders the same page before it renders its own."""


class Kept(Generic[T]):
    """Values made once and kept for ``seconds``, the least recently used leaving when they weigh too much.

    Of several threads that want one value at once, one makes it and the others wait for it: without that
    a page that everybody opens would be rendered by all threads each time it lapses.
    """

    def __init__(
        self, seconds: float, most: int = MOST_BYTES, weigh: Callable[[T], int] = lambda _: 1
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[Hashable, tuple[float, int, T]] = OrderedDict()
        self._making: dict[Hashable, Future[T]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if self._seconds <= 0:
            return make()
        with self._lock:
            kept = self._values.get(key)
            if kept and time.monotonic() - kept[0] < self._seconds:
                self._values.move_to_end(key)
                return kept[2]
            making = self._making.get(key)
            if making is None:
                mine: Future[T] = Future()
                self._making[key] = mine
        if making is not None:
            try:
                return making.result(WAIT_SECONDS)
            except Exception:
                # The other one failed or hangs; this request shall have its own outcome, not that one's.
                return make()
        return self._make(key, make, mine)

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._weight = 0

    def _make(self, key: Hashable, make: Callable[[], T], mine: Future[T]) -> T:
        started = time.monotonic()
        try:
            value = make()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            with self._lock:
                self._keep(key, started, value)
            mine.set_result(value)
            return value
        finally:
            with self._lock:
                del self._making[key]

    def _keep(self, key: Hashable, started: float, value: T) -> None:
        weight = self._weigh(value)
        if old := self._values.pop(key, None):
            self._weight -= old[1]
        if weight > self._most // 8:
            return
        self._values[key] = (started, weight, value)
        self._weight += weight
        while self._weight > self._most:
            _, (_, dropped, _) = self._values.popitem(last=False)
            self._weight -= dropped


class Page:
    """One rendered page; its compressed forms are made when first asked for."""

    def __init__(self, response: Response) -> None:
        self.body = response.get_data()
        self.status = response.status_code
        self.headers = [
            (name, value)
            for name, value in response.headers
            if name.lower() not in ("content-length", "set-cookie")
        ]
        self._digest = hashlib.sha256(self.body).hexdigest()[:24]

    @cached_property
    def _gzip(self) -> bytes:
        return gzip.compress(self.body, 6, mtime=0)

    @cached_property
    def _brotli(self) -> bytes:
        return bytes(brotli.compress(self.body, quality=4))

    def _coded(self, coding: str) -> bytes:
        if coding == "br":
            return self._brotli
        return self._gzip if coding == "gzip" else self.body

    @property
    def weight(self) -> int:
        """Bytes it may come to take, compressed forms included."""
        return 2 * len(self.body)

    def answer(self) -> Response:
        """An answer to the current request: in an encoding that it takes, or 304 if it has these bytes."""
        coding = request.accept_encodings.best_match(["br", "gzip", "identity"], default="identity")
        # A strong tag is of the bytes as sent, so each encoding has its own.
        tag = self._digest if coding == "identity" else f"{self._digest}-{coding}"
        unchanged = tag in request.if_none_match
        body = b"" if unchanged else self._coded(coding)
        response = Response(body, 304 if unchanged else self.status, self.headers)
        if coding != "identity" and not unchanged:
            response.content_encoding = coding
        response.set_etag(tag)
        response.vary.update((*htmx.VARY, "Accept-Encoding"))
        response.cache_control.public = True
        response.cache_control.max_age = BROWSER_SECONDS
        return response


def kept(*parameters: str) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Keep the pages of a view that depend on the path and on these query parameters alone.

    The view must show nothing of the shopper. Only its 200 is kept; errors and other answers pass by.
    """

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        @wraps(view)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
            key = (request.path, tuple(request.args.get(name) for name in parameters), htmx.wants_part())
            try:
                page = _pages().get(key, lambda: _only_good(view(*args, **kwargs)))
            except _Passing as passing:
                return passing.response
            return page.answer()

        return answer

    return decorate


class _Passing(Exception):
    """Carries an answer that is not to be kept past the cache."""

    def __init__(self, response: Response) -> None:
        self.response = response


def _only_good(response: Response) -> Page:
    if response.status_code != 200:
        raise _Passing(response)
    return Page(response)


def _pages() -> Kept[Page]:
    """This process's pages; ``PAGE_CACHE_SECONDS`` in the app's config, 0 keeps none."""
    found = current_app.extensions.get("page_cache")
    if found is None:
        seconds = current_app.config.get("PAGE_CACHE_SECONDS", SECONDS)
        made = Kept[Page](seconds, weigh=lambda page: page.weight)
        found = current_app.extensions.setdefault("page_cache", made)
    return cast("Kept[Page]", found)


def moment(name: str, make: Callable[[], T]) -> T:
    """A value that every page may share, kept for a second at most."""
    found = current_app.extensions.get("page_moments")
    if found is None:
        seconds = min(1.0, current_app.config.get("PAGE_CACHE_SECONDS", SECONDS))
        found = current_app.extensions.setdefault("page_moments", Kept[T](seconds))
    return cast("Kept[T]", found).get(name, make)
