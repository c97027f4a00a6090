"""Static files under names that hold their fingerprint."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.web.assets import STATIC, Assets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "a.css").write_text("body {}")
    return tmp_path


def test_new_content_has_a_new_address(folder: Path) -> None:
    first = Assets(folder).url("css/a.css")
    assert re.fullmatch(r"/static/css/a\.[0-9a-f]{12}\.css", first)
    assert Assets(folder).url("css/a.css") == first
    (folder / "css" / "a.css").write_text("body { color: red }")
    assert Assets(folder).url("css/a.css") != first


def test_a_file_that_is_not_there_is_a_mistake_in_the_template(folder: Path) -> None:
    with pytest.raises(KeyError):
        Assets(folder).url("css/b.css")


def test_fingerprinted_files_are_kept_for_ever_and_others_for_a_while(
    client: FlaskClient, app: Flask
) -> None:
    address = re.search(r'href="(/static/css/shop\.[0-9a-f]+\.css)"', client.get("/help").text)
    assert address
    for_ever = client.get(address[1])
    assert for_ever.status_code == 200
    assert "immutable" in for_ever.headers["Cache-Control"]
    plain = client.get("/static/css/shop.css")
    assert "immutable" not in plain.headers["Cache-Control"]
    assert for_ever.data == plain.data
    assert "Access-Control-Allow-Origin" not in for_ever.headers


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
