"""Importing a catalogue file: all good rows enter at once, the others are named in FILE.rejects.csv."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from storefront.domain.errors import Invalid
from storefront.repositories.aurora import search
from storefront.repositories.aurora.staging import COLUMNS, Staging
from storefront.services import catalog_file
from storefront.services.catalog_file import CatalogFile
from storefront.services.catalog_row import Reject
from storefront.stores import Stores

STEP = 1_000
"""Rows between two reports of progress."""

Progress = Callable[[int, float], None]


def _silent(_rows: int, _done: float) -> None:
    pass


@dataclass
class Imported:
    """What an import did. ``pictures_dropped`` counts image addresses that could not be shown."""

    read: int = 0
    new: int = 0
    changed: int = 0
    stock_changed: int = 0
    pictures_dropped: int = 0
    rejects: list[Reject] = field(default_factory=list)
    rejects_path: Path | None = None


def import_catalog(
    stores: Stores, path: Path, *, set_stock: bool = False, progress: Progress = _silent
) -> Imported:
    """Bring the products of a file into the shop, in one transaction.

    Interrupted at any point, nothing of the file is in the shop, and running it again ends as if it had
    not been; running it twice changes nothing the second time. New SKUs start with their quantity; with
    ``set_stock``, known ones get theirs too. A column that the file lacks leaves known products as they
    are, and an unlisted product stays unlisted. An empty ``rejects`` leaves no rejects file.
    ``progress`` is told the rows read and the part of the file done, 0 to 1.

    Raises:
        Invalid: the file can't be read at all, or the rejects file can't be written; nothing is imported.
    """
    result = Imported()
    rejects_path = path.with_name(path.name + ".rejects.csv")
    staging = Staging(stores.db)
    with catalog_file.opened(path) as file, _replaced(rejects_path) as rejects:
        if set_stock and "quantity" not in file.columns:
            raise Invalid("The header lacks quantity, which --stock needs")
        with stores.transaction():
            staging.open()
            _load(staging, file, result, progress)
            for line, sku, last in staging.drop_earlier():
                result.rejects.append(Reject(line, sku, f"sku comes again in line {last}, which counts"))
            if set_stock:
                result.rejects += [_short(*row, "") for row in staging.drop_short()]
            merged = staging.merge()
            result.new, result.changed = merged.new, merged.changed
            if merged.words_changed:
                search.rebuild_words(stores.db)
            staging.stock_new()
            if set_stock:
                result.stock_changed, short = staging.stock_known()
                result.rejects += [_short(*row, " meanwhile; its stock is left alone") for row in short]
            if result.new or result.changed or result.stock_changed:
                stores.products.recount()
            result.rejects.sort(key=lambda reject: reject.line)
            # Before the commit: if the disk is full, nothing is imported rather than rows lost unnamed.
            rejects(result.rejects)
    if result.rejects:
        result.rejects_path = rejects_path
    if result.new or result.changed or result.stock_changed:
        staging.tidy()
    return result


def _load(staging: Staging, file: CatalogFile, result: Imported, progress: Progress) -> None:
    with staging.copy() as copy:
        for row in file.rows():
            result.read += 1
            if result.read % STEP == 0:
                progress(result.read, file.done)
            if isinstance(row, Reject):
                result.rejects.append(row)
                continue
            result.pictures_dropped += row.picture_dropped
            copy.write_row(tuple(getattr(row, name) for name in COLUMNS))
    progress(result.read, 1.0)


def _short(line: int, sku: str, quantity: int, reserved: int, more: str) -> Reject:
    return Reject(line, sku, f"quantity {quantity:,} is less than the {reserved:,} reserved for orders{more}")


@contextmanager
def _replaced(path: Path) -> Iterator[Callable[[list[Reject]], None]]:
    """A rejects file that appears whole when the block ends well, or goes away if nothing was rejected.

    Raises:
        Invalid: it can't be written where it belongs.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")

    def write(rejects: list[Reject]) -> None:
        if not rejects:
            return
        try:
            with partial.open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file, lineterminator="\n")
                rows.writerow(("line", "sku", "reason"))
                rows.writerows((reject.line, reject.sku, reject.reason) for reject in rejects)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Invalid(f"{path} can't be written ({error.strerror}); nothing was imported") from None

    try:
        yield write
        if partial.exists():
            partial.replace(path)
        else:
            path.unlink(missing_ok=True)
    finally:
        partial.unlink(missing_ok=True)
