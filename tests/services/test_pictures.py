"""A folder of photographs becomes the products' pictures, once, whatever is in it and whatever ends it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from storefront.domain.errors import Invalid, StoreUnavailable
from storefront.domain.pictures import Picture
from storefront.repositories.pictures.folder import Folder
from storefront.services.catalog_import import import_catalog
from storefront.services.pictures import BadFile, make_pictures
from storefront.stores import Stores
from tests.support.photographs import asking, photograph, put


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data" / "media")


class Full:
    """Takes so many files, then the disk is full."""

    def __init__(self, files: Folder, takes: int) -> None:
        self._files, self._takes = files, takes

    def names(self) -> set[str]:
        return self._files.names()

    def put(self, name: str, content: bytes) -> None:
        if not self._takes:
            raise StoreUnavailable("media", "No space left on device")
        self._takes -= 1
        self._files.put(name, content)


def picture_of(stores: Stores, sku: str) -> Picture | None:
    return Picture.read(stores.products.page(sku).picture)


def test_a_product_gets_the_pictures_of_the_photograph_that_it_asks_for(
    stores: Stores, photos: Path, files: Folder
) -> None:
    asking(stores, "a", "photos/a.jpg")
    asking(stores, "b", "elsewhere/a.jpg")
    asking(stores, "static", "/static/a.jpg")
    asking(stores, "far", "https://pictures.example/a.jpg")
    asking(stores, "lost", "lost.jpg")
    asking(stores, "none", "")
    put(photos, "a.jpg")
    put(photos, "nobody's.jpg")
    told: list[tuple[int, int]] = []
    done = make_pictures(stores, files, photos, lambda n, of: told.append((n, of)))
    assert (done.made, done.same, done.bad, done.missing) == (1, 0, [], 1)
    assert told == [(0, 1), (1, 1)]
    picture = picture_of(stores, "a")
    assert picture is not None
    assert (picture.width, picture.height) == (900, 600)
    assert files.names() == {name for name, _, _ in picture.files()}
    assert [picture_of(stores, sku) for sku in ("b", "static", "far", "lost", "none")] == [
        picture,
        picture,
        None,
        None,
        None,
    ]


def test_running_it_again_does_nothing(stores: Stores, photos: Path, files: Folder, tmp_path: Path) -> None:
    asking(stores, "a", "a.jpg")
    put(photos, "a.jpg")
    make_pictures(stores, files, photos)
    kept = {path.name: path.stat().st_ino for path in (tmp_path / "data" / "media").iterdir()}
    # Nothing is kept any more, so that whatever it made anew would be an error.
    done = make_pictures(stores, Full(files, 0), photos)
    assert (done.made, done.same) == (0, 1)
    assert kept == {path.name: path.stat().st_ino for path in (tmp_path / "data" / "media").iterdir()}


def test_files_that_were_lost_are_made_again(
    stores: Stores, photos: Path, files: Folder, tmp_path: Path
) -> None:
    asking(stores, "a", "a.jpg")
    put(photos, "a.jpg")
    make_pictures(stores, files, photos)
    names = files.names()
    (tmp_path / "data" / "media" / min(names)).unlink()
    assert make_pictures(stores, Full(files, 1), photos).made == 1
    assert files.names() == names


def test_another_photograph_of_the_same_name_is_another_picture(
    stores: Stores, photos: Path, files: Folder
) -> None:
    asking(stores, "a", "a.jpg")
    put(photos, "a.jpg")
    make_pictures(stores, files, photos)
    before = picture_of(stores, "a")
    put(photos, "a.jpg", photograph(700, 700))
    assert make_pictures(stores, files, photos).made == 1
    after = picture_of(stores, "a")
    assert before is not None
    assert after is not None
    assert before.picture_id != after.picture_id


@pytest.mark.parametrize("takes", [0, 1, 4, 5])
def test_stopped_anywhere_it_can_be_started_again(
    takes: int, stores: Stores, photos: Path, files: Folder
) -> None:
    for sku in ("a", "b"):
        asking(stores, sku, f"{sku}.jpg")
        put(photos, f"{sku}.jpg", photograph(900, 600 + ord(sku)))
    with pytest.raises(StoreUnavailable):
        make_pictures(stores, Full(files, takes), photos)
    # A product is told only once all of its files are there.
    for sku in ("a", "b"):
        if picture := picture_of(stores, sku):
            assert {name for name, _, _ in picture.files()} <= files.names()
    assert (picture_of(stores, "a") is not None) is (takes >= 4)
    done = make_pictures(stores, Full(files, 8 - takes), photos)
    assert done.made + done.same == 2
    assert len(files.names()) == 8
    assert all(picture_of(stores, sku) for sku in ("a", "b"))


def test_bad_files_are_told_and_stop_nothing(
    stores: Stores, photos: Path, files: Folder, tmp_path: Path
) -> None:
    outside = put(tmp_path, "outside.jpg")
    put(photos, "cut.jpg", photograph()[:2000])
    put(photos, "empty.jpg").write_bytes(b"")
    put(photos, "large.jpg", photograph() + b"\0" * 31_000_000)
    put(photos, "script.jpg", b"<svg onload='alert(1)'/>")
    (photos / "out.jpg").symlink_to(outside)
    (photos / "loop.jpg").symlink_to(photos / "loop.jpg")
    (photos / "gone.jpg").symlink_to(photos / "nowhere")
    (photos / "folder.jpg").mkdir()
    os.mkfifo(photos / "pipe.jpg")
    put(photos, "good.png")
    (photos / "within.jpg").symlink_to("good.png")
    for path in photos.iterdir():
        asking(stores, path.name, path.name)
    done = make_pictures(stores, files, photos)
    reasons = {bad.name: bad.reason for bad in done.bad}
    assert reasons.pop("cut.jpg").startswith("is damaged (")
    assert reasons.pop("loop.jpg").startswith(("can't be read", "is a link to itself"))
    assert reasons == {
        "empty.jpg": "is no JPEG, PNG or WebP",
        "large.jpg": "is larger than 30 MB",
        "script.jpg": "is no JPEG, PNG or WebP",
        "out.jpg": "is a link out of the folder",
        "gone.jpg": "can't be read (No such file or directory)",
        "folder.jpg": "can't be read (Is a directory)",
        "pipe.jpg": "is no file",
    }
    assert done.made == 2
    assert picture_of(stores, "good.png") == picture_of(stores, "within.jpg") != None  # noqa: E711
    assert BadFile("script.jpg", "is no JPEG, PNG or WebP") in done.bad


def test_the_folder_may_itself_be_a_link(stores: Stores, photos: Path, files: Folder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    asking(stores, "a", "a.jpg")
    put(photos, "a.jpg")
    assert make_pictures(stores, files, tmp_path / "link").made == 1


def test_a_product_may_have_several(stores: Stores, photos: Path, files: Folder, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.csv"
    urls = "photos/a.jpg photos/b.jpg javascript:x lost.jpg"
    catalog.write_text(f"sku,name,price_cents,image_url,image_urls\npot,Pot,1,a.jpg,{urls}\n")
    assert import_catalog(stores, catalog).pictures_dropped == 1
    for name in ("a.jpg", "b.jpg"):
        put(photos, name, photograph(600, 400 + ord(name[0])))
    done = make_pictures(stores, files, photos)
    assert (done.made, done.missing) == (2, 1)
    assert make_pictures(stores, Full(files, 0), photos).same == 2
    views = {view.image_url: Picture.read(view.picture) for view in stores.products.page("pot").views}
    assert list(views) == ["a.jpg", "photos/b.jpg", "lost.jpg"]
    heights = [picture.height if picture else None for picture in views.values()]
    assert heights == [400 + ord("a"), 400 + ord("b"), None]
    # One that is asked for no more is not shown, and is there again when it is.
    for asked, left in (("", 1), ("b.jpg", 2)):
        catalog.write_text(f"sku,name,price_cents,image_urls\npot,Pot,1,{asked}\n")
        import_catalog(stores, catalog)
        assert len([view for view in stores.products.page("pot").views if view.picture]) == left


@pytest.mark.data
def test_real_photographs_become_pictures(stores: Stores, data: Path, files: Folder, tmp_path: Path) -> None:
    with (data / "catalog_photos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "catalog.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0], "image_urls"])
        table.writeheader()
        table.writerows(row | {"image_urls": row["photos"].replace(";", " ")} for row in rows)
    import_catalog(stores, tmp_path / "catalog.csv")
    done = make_pictures(stores, files, data / "photos")
    assert (done.made, done.same, done.missing, done.bad) == (24, 0, 0, [])
    assert sum(bool(view.picture) for row in rows for view in stores.products.page(row["sku"]).views) == 24
    assert make_pictures(stores, Full(files, 0), data / "photos").same == 24


def test_a_folder_that_is_none_is_refused(stores: Stores, files: Folder, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be read"):
        make_pictures(stores, files, tmp_path / "none")


def test_who_asks_for_another_photograph_meanwhile_is_left_alone(stores: Stores) -> None:
    asking(stores, "a", "b.jpg")
    with stores.transaction():
        stores.pictures.give("0123456789abcdef0123-9x9", "a.jpg", ["a"])
    assert stores.products.page("a").picture == ""


@pytest.mark.parametrize(
    ("image_url", "stays"),
    [
        ("a.jpg", True),
        ("photos/a.jpg", True),
        ("photos/b.jpg", False),
        ("/static/b.svg", False),
        ("https://pictures.example/a.jpg", False),
        ("", False),
    ],
)
def test_a_catalogue_imported_again_leaves_pictures_unless_it_asks_for_others(
    image_url: str, stays: bool, stores: Stores, photos: Path, files: Folder, tmp_path: Path
) -> None:
    asking(stores, "a", "a.jpg")
    put(photos, "a.jpg")
    make_pictures(stores, files, photos)
    catalog = tmp_path / "catalog.csv"
    catalog.write_text(f"sku,name,price_cents,image_url\na,Another name,1,{image_url}\n")
    assert import_catalog(stores, catalog).changed == 1
    assert (picture_of(stores, "a") is not None) is stays
    # A file that says nothing of pictures leaves them, too.
    catalog.write_text("sku,name,price_cents\na,A third name,1\n")
    import_catalog(stores, catalog)
    assert (picture_of(stores, "a") is not None) is stays
