"""An append-only file of JSON lines that survives kill -9 and power cuts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Journal:
    """One writer. ``appended`` counts its records."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self.appended = 0

    def append(self, record: Record) -> None:
        """Returns when the record is on the disk. After an ``OSError`` it may or may not be there."""
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.appended += 1


def read(path: Path) -> Iterator[Record]:
    """All whole records, in order.

    A torn last line is what a crash leaves of a write that nobody was told about: it ends the reading.
    Anything unreadable before the last line raises ``ValueError``.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                if lines.read(1) == b"":
                    return
                raise ValueError(f"{path} is damaged at line {number}: {error}") from None


def rewrite(path: Path, records: Iterable[Record]) -> None:
    """Replace the journal at once: either all old records are there or all new ones."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        for record in records:
            file.write(_line(record))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in it durable; a file's own fsync doesn't."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
