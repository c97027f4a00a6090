"""A span for each statement, at the driver: whichever way it came there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import psycopg
from psycopg import sql
from psycopg.abc import Params, Query, QueryNoTemplate
from psycopg.rows import TupleRow

from storefront.tracing.spans import call_span


class TracedCursor(psycopg.Cursor[TupleRow]):
    def execute(  # type: ignore[override]  # nothing of the shop sends a template string
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        with call_span(*_about(query)):
            return super().execute(query, params, prepare=prepare, binary=binary)

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        with call_span(*_about(query)):
            super().executemany(query, params_seq, returning=returning)


def _about(query: Query) -> tuple[str, dict[str, str | int]]:
    """The statement with its placeholders. What they stand for is shoppers', and is told to nobody."""
    if isinstance(query, sql.Composable):
        text = query.as_string()
    else:
        text = query.decode(errors="replace") if isinstance(query, bytes) else str(query)
    first, _, _ = text.strip().partition(" ")
    return first.upper(), {"db.system.name": "postgresql", "db.query.text": text}
