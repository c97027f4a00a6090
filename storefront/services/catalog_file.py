"""Reading a catalogue file: CSV or JSON Lines, plain or gzip, a row at a time, every bad row named."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from storefront.domain.errors import Invalid
from storefront.services.catalog_row import COLUMNS, REQUIRED, BadRow, Reject, Row, read_row, shown

LINE_MAX = 1 << 20
"""Bytes of one line; a longer one is skipped without being held in memory."""
TOO_LONG = "\x00\n"
"""What stands for such a line."""
RECORD_MAX = 100_000
"""Characters a quoted CSV record may span before its quote counts as never closed."""


class CatalogFile:
    """An open catalogue file. ``columns`` are those of ours that it has; JSON Lines may have any."""

    def __init__(self, raw: IO[bytes], size: int) -> None:
        self._raw = raw
        self._size = size
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        self._lines = _Lines(gzip.GzipFile(fileobj=raw) if packed else raw)
        first = self._lines.first()
        self._json = first.lstrip().startswith("{")
        self._header: list[str] = []
        self.columns: tuple[str, ...] = COLUMNS
        if not self._json:
            self._header = self._read_header()
            self.columns = tuple(c for c in COLUMNS if c in self._header)

    @property
    def done(self) -> float:
        """The part of the file read so far, 0 to 1."""
        return min(1.0, self._raw.tell() / self._size) if self._size else 1.0

    def rows(self) -> Iterator[Row | Reject]:
        """Every row after the header, good or not.

        Raises:
            Invalid: the gzip stream is damaged; what came before has been given out.
        """
        for line, fields in self._objects() if self._json else self._records():
            if isinstance(fields, str):
                yield Reject(line, "", fields)
                continue
            try:
                yield read_row(line, fields)
            except BadRow as reason:
                yield Reject(line, shown(fields.get("sku")), str(reason))

    def _read_header(self) -> list[str]:
        _, header = next(self._quoted(), (0, []))
        if isinstance(header, str):
            raise Invalid(f"The header can't be read: {header}")
        names = [name.strip() for name in header]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise Invalid(f"The header lacks {', '.join(missing)}; it must be the first line")
        twice = [name for name in COLUMNS if names.count(name) > 1]
        if twice:
            raise Invalid(f"The header names {', '.join(twice)} twice")
        return names

    def _records(self) -> Iterator[tuple[int, dict[str, object] | str]]:
        for line, values in self._quoted():
            if isinstance(values, str):
                yield line, values
            elif len(values) != len(self._header):
                yield line, f"has {len(values)} columns, the header {len(self._header)}"
            else:
                yield line, dict(zip(self._header, values, strict=True))

    def _quoted(self) -> Iterator[tuple[int, list[str] | str]]:
        """CSV records (RFC 4180) with the number of their first line, or why there is none.

        A quote that is never closed would swallow what follows, up to the next quote or the end of the
        file: then its line alone is bad, and reading goes on at the next.
        """
        for line, text in self._lines:
            if not text.strip():
                continue
            if text == TOO_LONG:
                yield line, f"is longer than {LINE_MAX:,} bytes"
                continue
            record = [text]
            values = _parse(record)
            while values == _OPEN and self._more(record):
                values = _parse(record)
            if len(record) > 1 and (isinstance(values, str) or len(values) != len(self._header or values)):
                self._lines.put_back(line, record[1:])
                values = _OPEN
            yield line, values

    def _more(self, record: list[str]) -> bool:
        """Add lines up to one that may close the quote; False if none comes within reach."""
        length = sum(map(len, record))
        while length <= RECORD_MAX and (text := self._lines.take()) is not None:
            record.append(text)
            length += len(text)
            if '"' in text:
                return True
        return False

    def _objects(self) -> Iterator[tuple[int, dict[str, object] | str]]:
        for line, text in self._lines:
            if not text.strip():
                continue
            if text == TOO_LONG:
                yield line, f"is longer than {LINE_MAX:,} bytes"
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield line, f"is not JSON: {str(error)[:100]}"
                continue
            yield line, value if isinstance(value, dict) else "is not a JSON object"


_OPEN = "has a quote that is not closed"


def _parse(record: list[str]) -> list[str] | str:
    """The values of a record that is complete, else what is wrong with it."""
    try:
        return next(csv.reader(record, strict=True))
    except csv.Error as error:
        return _OPEN if "unexpected end of data" in str(error) else f"is not CSV: {error}"


class Unpacked(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class _Lines:
    """Decoded lines with their numbers; bytes that are not UTF-8 become lone surrogates, refused later."""

    def __init__(self, unpacked: Unpacked) -> None:
        self._file = unpacked
        self._number = 0
        self._returned: list[str] = []

    def first(self) -> str:
        line = self._read()
        if line is None:
            raise Invalid("The file is empty")
        line = line.removeprefix("\ufeff")
        self._returned.append(line)
        return line

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while (text := self.take()) is not None:
            yield self._number, text

    def take(self) -> str | None:
        text = self._returned.pop() if self._returned else self._read()
        if text is not None:
            self._number += 1
        return text

    def put_back(self, line: int, texts: list[str]) -> None:
        """Read these again, as the lines after ``line``."""
        self._returned.extend(reversed(texts))
        self._number = line

    def _read(self) -> str | None:
        try:
            data = self._file.readline(LINE_MAX)
            if len(data) == LINE_MAX and not data.endswith(b"\n"):
                while (rest := self._file.readline(LINE_MAX)) and not rest.endswith(b"\n"):
                    pass
                return TOO_LONG
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Invalid(f"The compressed file is damaged after line {self._number}: {error}") from None
        return data.decode("utf-8", "surrogateescape") if data else None


@contextmanager
def opened(path: Path) -> Iterator[CatalogFile]:
    """Open a catalogue file.

    Raises:
        Invalid: it can't be read, is empty, or has no header that names sku, name and price_cents.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}") from None
    with raw:
        yield CatalogFile(raw, path.stat().st_size)
