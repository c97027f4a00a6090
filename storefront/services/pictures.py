"""Pictures for the products that ask for a photograph by its name: made of the files of one folder."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from storefront.domain.errors import Invalid
from storefront.domain.pictures import Picture
from storefront.repositories.aurora.pictures import Asked
from storefront.repositories.pictures import PictureFiles
from storefront.services.picture_making import BYTES_MAX, BadPicture, Photograph, picture_id
from storefront.stores import Stores

Progress = Callable[[int, int], None]


def _silent(_done: int, _all: int) -> None:
    pass


@dataclass(frozen=True)
class BadFile:
    name: str
    reason: str


@dataclass
class Pictured:
    """What became of the photographs: ``made`` into pictures, ``same`` as before, ``bad`` with reasons;
    ``missing`` products ask for one that is not in the folder."""

    made: int = 0
    same: int = 0
    missing: int = 0
    bad: list[BadFile] = field(default_factory=list)


def make_pictures(
    stores: Stores, files: PictureFiles, folder: Path, progress: Progress = _silent
) -> Pictured:
    """Make the pictures of every product whose photograph is in the folder.

    Each photograph is done by itself: its files are kept first, then its products are told. So interrupted
    at any point nothing is half done, and running it again goes on from there; once all is done it changes
    nothing. ``progress`` is told how many photographs are done, and of how many.

    Raises:
        Invalid: there is no such folder.
        StoreUnavailable: a store is away; what is done stays.
    """
    result = Pictured()
    asked = _asked(stores, _names(folder), result)
    kept = files.names()
    for done, (name, products) in enumerate(sorted(asked.items())):
        progress(done, len(asked))
        try:
            content = _content(folder, name)
            changed = _make(stores, files, kept, content, name, products)
        except BadPicture as reason:
            result.bad.append(BadFile(name, str(reason)))
            continue
        result.made += changed
        result.same += not changed
    progress(len(asked), len(asked))
    return result


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise Invalid(f"{folder} can't be read: {error.strerror}") from None


def _asked(stores: Stores, names: set[str], result: Pictured) -> dict[str, list[Asked]]:
    """Products by the photograph of the folder that they ask for."""
    found = defaultdict(list)
    for product in stores.pictures.asked():
        if product.name in names:
            found[product.name].append(product)
        elif not product.picture and not product.shown:
            result.missing += 1
    return found


def _content(folder: Path, name: str) -> bytes:
    """What is in a file of the folder.

    Raises:
        BadPicture: it is none, lies elsewhere, is too large or can't be read.
    """
    try:
        home = folder.resolve(strict=True)
        path = (home / name).resolve(strict=True)
        if not path.is_relative_to(home):
            raise BadPicture("is a link out of the folder")
        # Not followed and not waited for: what it leads to may have changed since, a pipe may never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise BadPicture("is no file")
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise BadPicture(f"can't be read ({error.strerror})") from None
    except RuntimeError:
        raise BadPicture("is a link to itself") from None
    if len(content) > BYTES_MAX:
        raise BadPicture(f"is larger than {BYTES_MAX // 1_000_000} MB")
    return content


def _make(
    stores: Stores,
    files: PictureFiles,
    kept: set[str],
    content: bytes,
    name: str,
    products: list[Asked],
) -> bool:
    """Whether there was anything to do."""
    picture = _known(content, products)
    lacking = picture is None or any(file not in kept for file, _, _ in picture.files())
    if picture is None or lacking:
        photograph = Photograph(content)
        picture = photograph.picture
        for file, made in photograph.files(but=kept):
            files.put(file, made)
            kept.add(file)
    others = [product for product in products if product.picture != str(picture)]
    if others:
        with stores.transaction():
            stores.pictures.give(str(picture), name, [one.sku for one in others if one.first])
            stores.pictures.give_more(str(picture), name, [one.sku for one in others if not one.first])
    return lacking or bool(others)


def _known(content: bytes, products: list[Asked]) -> Picture | None:
    """The picture that a product has already if it is of this content."""
    known = picture_id(content)
    pictures = (Picture.read(product.picture) for product in products)
    return next((one for one in pictures if one is not None and one.picture_id == known), None)
