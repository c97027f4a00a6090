"""A span for each statement, at the driver: whichever way it came there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.abc import Params, Query
from psycopg.rows import TupleRow

from storefront.tracing.spans import call_span


class TracedCursor(psycopg.Cursor[TupleRow]):
    def execute(self, query: Any, params: Params | None = None, **how: Any) -> Self:
        with call_span(*_about(query)):
            return super().execute(query, params, **how)

    def executemany(self, query: Query, params_seq: Iterable[Params], **how: Any) -> None:
        with call_span(*_about(query)):
            super().executemany(query, params_seq, **how)


def _about(query: Query) -> tuple[str, dict[str, str | int]]:
    """The statement with its placeholders. What they stand for is shoppers', and is told to nobody."""
    if isinstance(query, sql.Composable):
        text = query.as_string()
    else:
        text = query.decode(errors="replace") if isinstance(query, bytes) else str(query)
    first, _, _ = text.strip().partition(" ")
    return first.upper(), {"db.system.name": "postgresql", "db.query.text": text}
