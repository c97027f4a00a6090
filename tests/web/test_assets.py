"""Static files under names that hold their fingerprint."""

from __future__ import annotations

import os
import re
from pathlib import Path

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.web.assets import STATIC, Assets, compress, join


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    (static / "css").mkdir(parents=True)
    (static / "css" / "index.css").write_text('@layer a;\n\n@import "one.css";\n@import "two.css";\n')
    (static / "css" / "one.css").write_text("/* Why. */\nbody {\n  color: red;\n}\n")
    (static / "css" / "two.css").write_text("main :focus {\n  color: blue;\n}\n")
    (static / "js").mkdir()
    (static / "js" / "one.js").write_text(
        "// Why.\n(() => {\n  one('// no comment');\n\n  /** Why. */\n})();\n"
    )
    (static / "js" / "two.js").write_text("(() => {})(); // here\n")
    (static / "a.txt").write_text("a")
    return static


def test_new_content_has_a_new_address(folder: Path) -> None:
    first = Assets(folder).url("a.txt")
    assert re.fullmatch(r"/static/a\.[0-9a-f]{12}\.txt", first)
    assert Assets(folder).url("a.txt") == first
    (folder / "a.txt").write_text("b")
    assert Assets(folder).url("a.txt") != first


def test_the_style_sheet_is_its_parts_in_order(folder: Path) -> None:
    join(folder)
    assert (folder / "shop.css").read_text() == (
        "@layer a;\nbody {\ncolor: red;\n}\nmain :focus {\ncolor: blue;\n}\n"
    )


def test_the_script_is_its_parts_in_order(folder: Path) -> None:
    join(folder)
    assert (
        folder / "shop.js"
    ).read_text() == "(() => {\none('// no comment');\n})();\n(() => {})(); // here\n"


def test_a_part_that_was_edited_shows_after_a_restart(folder: Path) -> None:
    first = Assets(folder).url("shop.css")
    (folder / "css" / "one.css").write_text("body { color: green }\n")
    assert Assets(folder).url("shop.css") != first
    assert "green" in (folder / "shop.css").read_text()


def test_a_style_sheet_that_is_up_to_date_is_left_alone(folder: Path) -> None:
    """So that a shop starts on a disk that it can't write to."""
    join(folder)
    before = (folder / "shop.css").stat()
    join(folder)
    after = (folder / "shop.css").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_part_that_is_imported_and_missing_stops_the_start(folder: Path) -> None:
    (folder / "css" / "two.css").unlink()
    with pytest.raises(FileNotFoundError):
        Assets(folder)


def test_compressed_files_are_those_of_the_sheet_as_it_is(folder: Path) -> None:
    """An old one beside a new sheet would be sent in its place."""
    (folder / "css" / "two.css").write_text("main {\n  color: blue;\n}\n" * 50)
    compress(folder)
    for file in folder.glob("shop.css*"):
        os.utime(file, (1, 1))  # clocks of disks are too coarse to tell the two apart
    (folder / "css" / "one.css").write_text("body {\n  color: green;\n}\n" * 50)
    compress(folder)
    assert brotli.decompress((folder / "shop.css.br").read_bytes()) == (folder / "shop.css").read_bytes()


def test_a_file_that_is_not_there_is_a_mistake_in_the_template(folder: Path) -> None:
    with pytest.raises(KeyError):
        Assets(folder).url("b.txt")


def test_fingerprinted_files_are_kept_for_ever_and_others_for_a_while(
    client: FlaskClient, app: Flask
) -> None:
    address = re.search(r'href="(/static/shop\.[0-9a-f]+\.css)"', client.get("/help").text)
    assert address
    for_ever = client.get(address[1])
    assert for_ever.status_code == 200
    assert "immutable" in for_ever.headers["Cache-Control"]
    plain = client.get("/static/shop.css")
    assert "immutable" not in plain.headers["Cache-Control"]
    assert for_ever.data == plain.data
    assert "Access-Control-Allow-Origin" not in for_ever.headers


def test_parts_of_the_style_sheet_are_not_served(client: FlaskClient) -> None:
    assert (STATIC / "css" / "base.css").is_file()
    assert client.get("/static/css/base.css").status_code == 404
    assert client.get("/static/js/app.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pyproject.toml",
        "/static/%2e%2e/pyproject.toml",
        "/static//etc/passwd",
        "/static/",
        "/static/x",
    ],
)
def test_nothing_outside_the_folder_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 308)
    assert b"[project]" not in answer.data
    assert STATIC.is_dir()
