"""Reading a catalogue file: CSV or JSON Lines, plain or gzip, a row at a time, every bad row named."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from storefront.domain.catalog import CATEGORY_MAX, DESCRIPTION_MAX, NAME_MAX, STOCK_MAX
from storefront.domain.errors import Invalid
from storefront.domain.ids import SKU_MAX, sku_problem
from storefront.domain.money import MAX_CENTS

REQUIRED = ("sku", "name", "price_cents")
OPTIONAL = ("description", "category", "image_url", "quantity")
LINE_MAX = 1 << 20
"""Bytes of one line; a longer one is skipped without being held in memory."""
TOO_LONG = "\x00\n"
"""What stands for such a line."""
RECORD_MAX = 100_000
"""Characters a quoted CSV record may span before its quote counts as never closed."""

_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_PICTURE = re.compile(r"(/static/|https?://[\w.-]+(:[0-9]+)?(?=[/?#]|$))\S{0,2000}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A good row. None stands for a column that the file does not have: what is there stays as it is.

    ``line`` is where it begins, from 1. ``picture_dropped``: its image_url was no address to show.
    """

    line: int
    sku: str
    name: str
    description: str | None
    price_cents: int
    category: str | None
    image_url: str | None
    quantity: int | None
    picture_dropped: bool


@dataclass(frozen=True, slots=True)
class Reject:
    line: int
    sku: str
    reason: str


class BadRow(Exception):
    """This row can't be taken; ``str()`` is the reason."""


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
        self.columns: tuple[str, ...] = (*REQUIRED, *OPTIONAL)
        if not self._json:
            self._header = self._read_header()
            self.columns = tuple(c for c in (*REQUIRED, *OPTIONAL) if c in self._header)

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
                yield _row(line, fields)
            except BadRow as reason:
                yield Reject(line, _shown(fields.get("sku")), str(reason))

    def _read_header(self) -> list[str]:
        _, header = next(self._quoted(), (0, []))
        if isinstance(header, str):
            raise Invalid(f"The header can't be read: {header}")
        names = [name.strip() for name in header]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise Invalid(f"The header lacks {', '.join(missing)}; it must be the first line")
        twice = [name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1]
        if twice:
            raise Invalid(f"The header names {', '.join(twice)} twice")
        return names

    def _records(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
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
                self._lines.give_back(line, record[1:])
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

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
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

    def give_back(self, line: int, texts: list[str]) -> None:
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


def _row(line: int, fields: dict[str, Any]) -> Row:
    wrong: list[str] = []

    def text(column: str, longest: int) -> str | None:
        value = fields.get(column)
        if value is None:
            return None
        problem = _text_problem(value, longest)
        if problem:
            wrong.append(f"{column} {problem}")
            return None
        return str(value)

    def number(column: str, most: int) -> int:
        try:
            return _number(fields.get(column), most)
        except BadRow as reason:
            wrong.append(f"{column} {reason}")
            return 0

    sku = text("sku", LINE_MAX)
    if not wrong and (problem := sku_problem(sku or "")):
        wrong.append(problem)
    name = text("name", NAME_MAX)
    if not str(fields.get("name") or "").strip():
        wrong.append("name is empty")
    image_url = text("image_url", LINE_MAX)
    picture_dropped = bool(image_url) and not _PICTURE.fullmatch(image_url or "")
    row = Row(
        line=line,
        sku=sku or "",
        name=name or "",
        description=text("description", DESCRIPTION_MAX),
        price_cents=number("price_cents", MAX_CENTS),
        category=text("category", CATEGORY_MAX),
        image_url="" if picture_dropped else image_url,
        quantity=number("quantity", STOCK_MAX) if fields.get("quantity") not in (None, "") else None,
        picture_dropped=picture_dropped,
    )
    if wrong:
        raise BadRow("; ".join(wrong))
    return row


def _text_problem(value: object, longest: int) -> str | None:
    """Why a value can't be stored as it came, or None. Only what PostgreSQL can't hold is refused."""
    if not isinstance(value, str):
        return "is not a text"
    if "\x00" in value:
        return "holds a NUL character"
    if _SURROGATE.search(value):
        return "is not valid UTF-8"
    if len(value) > longest:
        return f"is longer than {longest:,} characters"
    return None


def _number(value: object, most: int) -> int:
    """A whole number in plain digits. Nothing is guessed: an empty price is not a price of 0."""
    if value is None or value == "":
        raise BadRow("is empty")
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
        raise BadRow(f"is not a whole number: {_shown(value)}")
    if int(digits) > most:
        raise BadRow(f"is more than {most:,}")
    return int(digits)


def _shown(value: object) -> str:
    """A bad value fit for a line of the rejects file."""
    text = "" if value is None else str(value)
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: SKU_MAX + 1])
    return text if len(text) <= SKU_MAX else text[:SKU_MAX] + "…"
