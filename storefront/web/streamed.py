"""Answers that go out while they are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from xml.sax.saxutils import escape

from flask import Response

from storefront.domain.text import printable
from storefront.server.rsgi import STREAM

XML = "application/xml; charset=utf-8"


def answer(pieces: Iterator[str], content_type: str, seconds: int) -> Response:
    """The pieces of a long document, each sent on its own; public, and kept for so many seconds.

    The first is made at once, so that a store that is away is still an answer of its own. The others are made
    when the request is over: they may not ask for it.
    """
    first = next(pieces, "")
    response = Response(_encoded(chain((first,), pieces)), content_type=content_type)
    response.headers[STREAM] = "1"
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return response


def _encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece.encode()


def xml(text: str) -> str:
    """A text as XML has it: escaped, and without what XML 1.0 has no way to say."""
    return escape(printable(text))
