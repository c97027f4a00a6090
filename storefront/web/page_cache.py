"""Pages that are the same bytes for every shopper: kept for a moment by the server, browsers and CDNs.

The server in front of the app keeps them (``storefront.server.page_cache``). Here is the app's half: a view
says that its pages are such ones, and ``Pages`` tells the server what they depend on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, ParamSpec
from urllib.parse import parse_qsl

from flask import Flask, Response

from storefront.server.page_cache import CONSENT, SECONDS, Request
from storefront.web import htmx, metrics

P = ParamSpec("P")

SHARED_SECONDS, REVALIDATING_SECONDS = 1, 1
"""How long a CDN's copy is fresh, and how long it is then shown while a new one is fetched (RFC 5861). With
``SECONDS`` these are the three that availability may be old."""
OUTAGE_SECONDS = 300
"""How long it is shown when the shop can't make a page: nothing can be bought then anyway."""
# A browser's own second would come on top of the CDN's, so it asks again, and is mostly told "not modified".
CACHE_CONTROL = (
    f"public, max-age=0, s-maxage={SHARED_SECONDS}, stale-while-revalidate={REVALIDATING_SECONDS},"
    f" stale-if-error={OUTAGE_SECONDS}"
)


def cached(*parameters: str) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Let the pages of a view be kept that depend on the path and on these query parameters alone.

    The view must show nothing of the shopper. Only its 200 is kept; errors and other answers pass by.
    """

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        @wraps(view)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
            response = view(*args, **kwargs)
            if response.status_code != 200:
                return response
            response.headers[CONSENT] = f"max-age={SECONDS}"
            response.headers["Cache-Control"] = CACHE_CONTROL
            return response

        answer.depends_on = frozenset(parameters)  # type: ignore[attr-defined]  # Pages looks for it
        return answer

    return decorate


class Key(NamedTuple):
    endpoint: str
    path: str
    asked: tuple[tuple[str, str], ...]
    part: bool


class Pages:
    """The app's public pages, as the server in front of it wants to know them."""

    def __init__(self, app: Flask) -> None:
        self._exact: dict[str, tuple[str, frozenset[str]]] = {}
        self._counted: Counter[tuple[str, str, int]] = Counter()
        self._below: list[tuple[str, tuple[str, frozenset[str]]]] = []
        for rule in app.url_map.iter_rules():
            depends_on = getattr(app.view_functions[rule.endpoint], "depends_on", None)
            if depends_on is None:
                continue
            prefix, argument, _ = rule.rule.partition("<")
            if argument:
                self._below.append((prefix, (rule.endpoint, depends_on)))
            else:
                self._exact[prefix] = rule.endpoint, depends_on

    def key(self, request: Request) -> Key | None:
        """Of a request for such a page; other queries than those it depends on don't count."""
        path = request.path
        found = self._exact.get(path)
        if found is None:
            found = next((page for prefix, page in self._below if path.startswith(prefix)), None)
            if found is None:
                return None
        endpoint, depends_on = found
        asked: tuple[tuple[str, str], ...] = ()
        if depends_on and request.query_string:
            # Bytes that are no text must not make two addresses one.
            pairs = parse_qsl(request.query_string, keep_blank_values=True, errors="surrogateescape")
            asked = tuple(pair for pair in pairs if pair[0] in depends_on)
        return Key(endpoint, path, asked, htmx.asks_for_part(request.headers))

    def count(self, key: Key, method: str, status: int) -> None:
        """On the event loop. Told together once a second: telling each takes as long as answering it."""
        if not self._counted:
            asyncio.get_running_loop().call_later(1.0, self._tell)
        self._counted[key.endpoint, method, status] += 1

    def _tell(self) -> None:
        counted, self._counted = self._counted, Counter()
        for (endpoint, method, status), times in counted.items():
            metrics.count(endpoint, method, status, times)


def register(app: Flask) -> None:
    """After the blueprints: it looks at their views."""
    app.pages = Pages(app)  # type: ignore[attr-defined]  # the server in front looks for it
