"""``storefront catalog`` as an operator types it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from storefront.cli import catalog
from storefront.cli.context import Context
from storefront.config import Settings
from storefront.domain.catalog import ListQuery
from storefront.process import Process
from storefront.stores import Stores
from tests.support.photographs import asking, put


@pytest.fixture
def run(process: Process):
    def command(*words: str) -> int:
        parser = argparse.ArgumentParser()
        catalog.add_parser(parser.add_subparsers())
        args = parser.parse_args(["catalog", *words])
        return int(args.run(args, Context(process)))

    return command


def test_an_import_says_what_it_did(
    run, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("sku,name,price_cents,image_url,quantity\na,Pan,100,ftp://x,5\nb,,1,,\n")
    assert run("import", str(file)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 rows: 1 new, 0 changed, 0 as they were, 1 rejected",
        "Pictures left out, no http(s) or /static/ address and no file's name: 1",
        f"Rejected rows and reasons: {file}.rejects.csv",
    ]
    file.write_text("sku,name,price_cents,quantity\na,Pan,100,8\n")
    assert run("import", str(file), "--stock") == 0
    assert capsys.readouterr().out == "1 rows: 0 new, 0 changed, 1 as they were, stock of 1 set, 0 rejected\n"
    assert stores.stock.level("a").quantity == 8


def test_a_file_that_cant_be_read_is_refused(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", str(tmp_path / "none.csv")) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Nothing was imported: ")


def test_a_product_goes_and_comes_back(
    run, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("sku,name,price_cents\na,Pan,100\n")
    run("import", str(file))
    capsys.readouterr()
    assert [run("unlist", "a"), run("unlist", "a")] == [0, 0]
    assert capsys.readouterr().out == "a is unlisted\na was unlisted already\n"
    assert stores.products.listing(ListQuery()).total == 0
    assert run("relist", "a") == 0
    assert stores.products.listing(ListQuery()).total == 1
    capsys.readouterr()
    assert run("unlist", "A") == 1
    assert capsys.readouterr().err == "There is no product with the SKU 'A'\n"


def test_pictures_are_made_and_bad_files_told(
    run, settings: Settings, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.data = str(tmp_path / "data")
    photos = tmp_path / "photos"
    photos.mkdir()
    for sku in ("a", "b", "c"):
        asking(stores, sku, f"photos/{sku}.jpg")
    put(photos, "a.jpg")
    put(photos, "b.jpg", b"no picture")
    assert run("images", str(photos)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 photographs: 1 made into pictures, 0 as they were, 1 bad",
        "'b.jpg': is no JPEG, PNG or WebP",
        "Products without a picture whose photograph is not in the folder: 1",
    ]
    assert len(list((tmp_path / "data" / "media").iterdir())) == 4
    assert run("images", str(photos)) == 0
    assert "0 made into pictures, 1 as they were" in capsys.readouterr().out
    assert run("images", str(tmp_path / "none")) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("No pictures were made: ")


def test_interrupted_it_says_what_stays(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(Context):
        @property
        def stores(self) -> Stores:
            raise KeyboardInterrupt

    args = argparse.Namespace(folder=tmp_path, run=catalog._images)
    assert args.run(args, Interrupted(process)) == 130
    assert capsys.readouterr().err == "Interrupted: what was made stays. Run it again to make the rest.\n"
