"""Pages that are the same bytes for everybody, answered on the event loop: no thread, no Flask.

The app says which requests ask for such a page (``Pages.key``), and its answer by ``CONSENT`` that it may be
kept. Everything else passes by. One event loop uses this, so there are no locks.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
import time
from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from typing import Protocol

import brotli

from storefront.server.streaming import Fields, Pieces

Response = tuple[int, Fields, bytes | Pieces]
"""Status, headers and body: whole, or in pieces for an answer too long to be held."""
Run = Callable[[], "asyncio.Future[Response]"]
"""Asks the app."""

SECONDS = 1.0
"""How long a page is kept, counted from before its reads. A CDN's two seconds come on top (see
``storefront.web.page_cache``): no page that shows availability is older than three."""
MOST_BYTES = 16 * 1024 * 1024
WAIT_SECONDS = 3.0
"""How long a request waits for another that makes the same page before it makes its own."""
CONSENT = "front-cache-control"
"""Addressed to this cache alone (RFC 9213): it is taken off the answer."""

_TOLD_AGAIN = ("etag", "cache-control", "vary")
"""All that a 304 says (RFC 9110, section 15.4.5)."""
_TAG = re.compile(r'"([^"]*)"')


class Headers(Protocol):
    def get(self, key: str) -> str | None: ...


class Request(Protocol):
    """A GET or HEAD without a body; names of headers are lower-case."""

    method: str
    path: str
    query_string: str

    @property
    def headers(self) -> Headers: ...


class Pages(Protocol):
    """What the app tells of its public pages."""

    def key(self, request: Request) -> Hashable | None:
        """What the page depends on; None for whatever isn't such a page."""

    def count(self, key: Hashable, method: str, status: int) -> None:
        """The page was answered without the app."""


class Page:
    """One page as the app made it, and its encodings, each made when first asked for."""

    def __init__(self, headers: Fields, body: bytes) -> None:
        self._headers = {name.lower(): value for name, value in headers}
        for name in (CONSENT, "content-length", "date", "etag"):
            self._headers.pop(name, None)
        self._headers["vary"] = ", ".join(filter(None, (self._headers.get("vary"), "Accept-Encoding")))
        self._body = body
        self._digest = hashlib.sha256(body).hexdigest()[:24]
        self._forms: dict[str, tuple[str, Response, Response]] = {}
        self.born = 0.0
        self.weight = 2 * len(body)

    def answer(self, request: Request) -> Response:
        """In an encoding that the client takes, or a 304 if it has these bytes."""
        coding = best_coding(request.headers.get("accept-encoding") or "")
        tag, whole, unchanged = self._forms.get(coding) or self._make(coding)
        known = request.headers.get("if-none-match")
        if known is not None and (known == "*" or tag in _TAG.findall(known)):
            return unchanged
        return whole if request.method == "GET" else (whole[0], whole[1], b"")

    def _make(self, coding: str) -> tuple[str, Response, Response]:
        body = _CODERS[coding](self._body)
        # A strong tag is of the bytes as sent, so each encoding has its own.
        tag = self._digest if coding == "identity" else f"{self._digest}-{coding}"
        headers = {**self._headers, "etag": f'"{tag}"', "content-length": str(len(body))}
        if coding != "identity":
            headers["content-encoding"] = coding
        told: Fields = [(name, headers[name]) for name in _TOLD_AGAIN if name in headers]
        form = tag, (200, list(headers.items()), body), (304, told, b"")
        self._forms[coding] = form
        return form


class PageCache:
    """Keeps the pages of the last moment, and lets one request make what many wait for."""

    def __init__(self, pages: Pages | None, seconds: float = SECONDS, most: int = MOST_BYTES) -> None:
        self._pages = pages
        self._seconds = seconds
        self._most = most
        self._weight = 0
        # Oldest first, since all live equally long: what has lapsed leaves from this end, and memory holds
        # no more than was made in the last moment, whatever addresses strangers invent.
        self._kept: dict[Hashable, Page] = {}
        # Who waits for a page that is being made, first the one whose request makes it.
        self._making: dict[Hashable, list[asyncio.Future[Page | Response | None]]] = {}

    def kept(self, request: Request) -> Response | None:
        """The page, if it was made within the last moment."""
        key = self._pages.key(request) if self._pages else None
        page = self._kept.get(key) if key is not None else None
        if page is None or time.monotonic() - page.born >= self._seconds:
            return None
        return self._answer(page, key, request)

    async def answer(self, request: Request, run: Run) -> Response:
        """What ``run`` gives; one ``run`` for all who ask for the same page meanwhile."""
        key = self._pages.key(request) if self._pages else None
        if key is None:
            return await run()
        outcome: asyncio.Future[Page | Response | None] = asyncio.get_running_loop().create_future()
        waiting = self._making.get(key)
        if waiting is None:
            if request.method != "GET":
                return await run()
            born = time.monotonic()
            made = run()
            self._making[key] = [outcome]
            # Whatever becomes of this client, others may be waiting for the page.
            made.add_done_callback(partial(self._made, key, born))
            first = await outcome
            assert first is not None
            return first.answer(request) if isinstance(first, Page) else first
        waiting.append(outcome)
        await asyncio.wait([outcome], timeout=WAIT_SECONDS)
        if outcome.done() and isinstance(page := outcome.result(), Page):
            return self._answer(page, key, request)
        # The other one failed or hangs; this request shall have its own outcome, not that one's.
        return await run()

    def _answer(self, page: Page, key: Hashable, request: Request) -> Response:
        response = page.answer(request)
        if self._pages:
            self._pages.count(key, request.method, response[0])
        return response

    def _made(self, key: Hashable, born: float, made: asyncio.Future[Response]) -> None:
        first, *others = self._making.pop(key)
        page = None
        if error := made.exception():
            if not first.done():
                first.set_exception(error)
        else:
            status, headers, body = made.result()
            if (
                status == 200
                and isinstance(body, bytes)
                and any(name.lower() == CONSENT for name, _ in headers)
            ):
                page = Page(headers, body)
                page.born = born
                self._keep(key, page)
            if not first.done():
                first.set_result(page or (status, headers, body))
        for other in others:
            if not other.done():
                other.set_result(page)

    def _keep(self, key: Hashable, page: Page) -> None:
        if old := self._kept.pop(key, None):
            self._weight -= old.weight
        self._kept[key] = page
        self._weight += page.weight
        lapsed = time.monotonic() - self._seconds
        while self._kept:
            oldest = next(iter(self._kept))
            if self._weight <= self._most and self._kept[oldest].born > lapsed:
                break
            self._weight -= self._kept.pop(oldest).weight


_CODERS: dict[str, Callable[[bytes], bytes]] = {
    # Quickly: most pages are made for one reader, and a sixth of their bytes costs five times as long.
    "br": lambda body: bytes(brotli.compress(body, quality=1)),
    "gzip": lambda body: gzip.compress(body, 1, mtime=0),
    "identity": lambda body: body,
}


@lru_cache(maxsize=256)
def best_coding(accepts: str) -> str:
    """Which of our encodings an Accept-Encoding likes best (RFC 9110, section 12.5.3); of equals brotli."""
    likes = {"identity": 0.001}
    for part in accepts.lower().split(","):
        name, _, weight = part.partition(";")
        value = weight.strip().removeprefix("q=")
        try:
            likes[name.strip()] = float(value) if value else 1.0
        except ValueError:
            continue
    liked = {name: likes.get(name, likes.get("*", 0.0)) for name in _CODERS}
    best = max(liked, key=lambda name: liked[name])
    return best if liked[best] > 0 else "identity"
