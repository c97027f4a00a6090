"""What a deployment leaves in the bucket is what pages refer to."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import boto3
import pytest
from moto import mock_aws

from storefront.web.assets import Assets
from tests.deploy.templates import FOLDER


@pytest.fixture(scope="module")
def assets() -> ModuleType:
    found = importlib.util.spec_from_file_location("deploy_assets", FOLDER / "assets.py")
    assert found
    assert found.loader
    made = importlib.util.module_from_spec(found)
    # Dataclasses look their module up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "deploy_assets", made)
        found.loader.exec_module(made)
        return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "index.css").write_text("a { color: red }")
    (tmp_path / "shop.css.br").write_bytes(b"compressed")
    (tmp_path / "mark.svg").write_text("<svg/>")
    return tmp_path


def test_both_versions_files_are_in_the_bucket(assets: ModuleType, root: Path) -> None:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="media")
        before = Assets(root).url("shop.css")
        # Sheet, script, picture and the brand's three, each under two names.
        assert assets.upload(client, "media", Assets(root)) == 12
        (root / "css" / "index.css").write_text("a { color: blue }")
        after = Assets(root).url("shop.css")
        assets.upload(client, "media", Assets(root))
        for url, text in ((before, b"a { color: red }\n"), (after, b"a { color: blue }\n")):
            found = client.get_object(Bucket="media", Key=url.removeprefix("/"))
            assert found["Body"].read() == text
            assert found["ContentType"] == "text/css; charset=utf-8"
            assert found["CacheControl"] == "public, max-age=31536000, immutable"
        assert (
            client.get_object(Bucket="media", Key="static/mark.svg")["CacheControl"] == "public, max-age=3600"
        )
        keys = [one["Key"] for one in client.list_objects_v2(Bucket="media")["Contents"]]
        assert not any(key.endswith(".br") for key in keys)


def test_every_file_of_the_shop_is_left(assets: ModuleType) -> None:
    keys = {one.key for one in assets.uploads(Assets())}
    assert len(keys) > 20
    assert all(key.startswith("static/") for key in keys)


def test_another_brands_sheet_and_marks_are_left_in_place_of_the_standard_ones(assets: ModuleType) -> None:
    files = Assets(brand=Path(__file__).parents[1] / "support" / "ninepin")
    found = {
        one.key: one.path.read_text() for one in assets.uploads(files) if one.key.endswith((".css", ".svg"))
    }
    assert "#1d2f8f" in found["static/brand/icon.svg"]
    assert "oklch(42% 0.16 264)" in found["static/shop.css"]
    assert len({name for name in found if name.startswith("static/shop.")}) == 2
