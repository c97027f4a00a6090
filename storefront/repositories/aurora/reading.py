"""Statements that only read, on a connection of their own; and the driver's errors in the shop's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, Executable, Row, exc

from storefront.domain.errors import StoreUnavailable, TransactionLost
from storefront.repositories.aurora.connections import FAILED_OVER, Overdue
from storefront.repositories.aurora.prepared import Parameters, Prepared, fetch

DEADLOCK, SERIALIZATION = "40P01", "40001"
STATEMENT_ENDED = ("57014", "55P03")
"""query_canceled and lock_not_available: the server is well, the statement took too long."""

AnyRow = Row[*tuple[Any, ...]]
Rows = Sequence[AnyRow]
"""What a text statement returns; ``records`` says what is in it."""

Record = TypeVar("Record")


def records(record: Callable[..., Record], rows: Iterable[AnyRow]) -> list[Record]:
    """Rows of a text statement as typed records, whose fields are found by the names of the columns."""
    rows = list(rows)
    names = rows[0]._fields if rows else ()
    return [record(**dict(zip(names, row, strict=True))) for row in rows]


def read(engine: Engine, statement: Executable | Prepared, parameters: Parameters | None) -> Rows:
    if isinstance(statement, Prepared):
        return _again_if_lost(lambda: cast(Rows, fetch(engine, statement, parameters)))
    return _again_if_lost(lambda: _all(engine, statement, parameters))


def _all(engine: Engine, statement: Executable, parameters: Parameters | None) -> Rows:
    with engine.connect() as connection:
        return connection.execute(statement, parameters).all()


def _again_if_lost(ask: Callable[[], Rows]) -> Rows:
    for last in (False, True):
        try:
            with driver_errors():
                return ask()
        except TransactionLost:
            # A pooled connection that the last failover killed: a read is safe to send again, once.
            if last:
                raise
    raise AssertionError("unreachable")


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn what the driver says about connections, locks and pools into the shop's words.

    Raises:
        TransactionLost: the connection ended or a lock cycle was broken; nothing of it stands. Of a COMMIT
            whose fate nobody can tell ``commit`` raises CommitUnknown.
        StoreUnavailable: no connection in time, or a statement ran past its bound.
    """
    try:
        yield
    except exc.TimeoutError:
        raise StoreUnavailable("aurora", "pool") from None
    except exc.DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if isinstance(error.orig, Overdue):
            # Whoever hangs would hang again, so it isn't repeated at once.
            raise StoreUnavailable("aurora", "overdue") from error
        if error.connection_invalidated or state in (DEADLOCK, SERIALIZATION, *FAILED_OVER):
            raise TransactionLost("aurora", state) from error
        if isinstance(error, exc.OperationalError):
            raise StoreUnavailable("aurora", state) from error
        raise
