"""Everything the service remembers: SQLite in one folder, one writer at a time."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Doc = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    object TEXT NOT NULL,
    customer TEXT,
    payment_intent TEXT,
    due REAL,
    doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (object, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (object, customer, seq);
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (object, payment_intent, seq);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting'
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (seq) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    route TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    base TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX IF NOT EXISTS idempotency_by_age ON idempotency (created);
"""

ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))


class InUse(Exception):
    """Another process has the folder open."""


class Store:
    """One connection behind one lock: an answer is sent only after its commit was synced."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # flock goes away with its process, however that ends; two processes would each run the same refunds.
        self._lockfile = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lockfile, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lockfile)
            raise InUse(str(folder)) from None
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "stripe.sqlite3", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        self.base = "http://localhost"
        self.clock_offset = 0.0
        self.on_event: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Unix seconds, moved by what a test added to the clock."""
        return time.time() + self.clock_offset

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            tx = Tx(self._db, self)
            try:
                yield tx
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        if tx.emitted:
            self.on_event()

    def close(self) -> None:
        with self._lock:
            self._db.close()


class Tx:
    """What can be done inside one transaction."""

    def __init__(self, db: sqlite3.Connection, store: Store) -> None:
        self._db = db
        self.store = store
        self.emitted = False

    @property
    def base(self) -> str:
        return self.store.base

    def now(self) -> int:
        return int(self.store.now())

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(statement, values).fetchall()

    def get(self, id: str | None, kind: str | None = None) -> Doc | None:
        rows = self.sql("SELECT doc FROM objects WHERE id = ?", id)
        if not rows:
            return None
        doc: Doc = json.loads(rows[0][0])
        return doc if kind in (None, doc["object"]) else None

    def put(self, doc: Doc) -> Doc:
        intent = doc.get("payment_intent")
        self.sql(
            "INSERT INTO objects (id, object, customer, payment_intent, due, doc) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET customer = excluded.customer,"
            " payment_intent = excluded.payment_intent, due = excluded.due, doc = excluded.doc",
            doc["id"],
            doc["object"],
            doc.get("customer"),
            intent if isinstance(intent, str) else None,
            doc.get("_due"),
            json.dumps(doc, separators=(",", ":")),
        )
        return doc

    def due(self) -> list[Doc]:
        """What should have happened by itself by now, oldest first."""
        rows = self.sql(
            "SELECT doc FROM objects WHERE due <= ? ORDER BY due, seq LIMIT 200", self.store.now()
        )
        return [json.loads(row[0]) for row in rows]

    def listed(
        self,
        kind: str,
        equal: dict[str, str],
        *,
        created: dict[str, int] | None = None,
        types: list[str] | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = 10,
    ) -> tuple[list[Doc], bool]:
        """Newest first, and whether there are more. ``equal`` and ``created`` hold field names of our own."""
        where, values = ["object = ?"], [kind]  # type: list[str], list[Any]
        for field, wanted in equal.items():
            column = field if field in ("customer", "payment_intent") else f"json_extract(doc, '$.{field}')"
            where.append(f"{column} = ?")
            values.append(wanted)
        for operator, moment in (created or {}).items():
            where.append(f"json_extract(doc, '$.created') {operator} ?")
            values.append(moment)
        if types:
            where.append(f"json_extract(doc, '$.type') IN ({', '.join('?' * len(types))})")
            values += types
        for comparison, cursor in (("<", after), (">", before)):
            if cursor is not None:
                where.append(f"seq {comparison} (SELECT seq FROM objects WHERE id = ?)")
                values.append(cursor)
        order = "ASC" if before is not None else "DESC"
        rows = self.sql(
            f"SELECT doc FROM objects WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?",
            *values,
            limit + 1,
        )
        docs = [json.loads(row[0]) for row in rows[:limit]]
        return (docs[::-1] if before is not None else docs), len(rows) > limit
