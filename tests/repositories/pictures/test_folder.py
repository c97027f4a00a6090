"""Pictures in a folder: whole or not there, and nothing else is read by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.repositories.pictures.folder import Folder

NAME = "0123456789abcdef0123-400.avif"


def test_what_was_put_is_there_by_its_name(tmp_path: Path) -> None:
    files = Folder(tmp_path / "data" / "media")
    assert files.names() == set()
    files.put(NAME, b"picture")
    (tmp_path / "data" / "media" / ".tmp1234").write_bytes(b"begun")
    assert files.names() == {NAME}
    assert files.read(NAME) == b"picture"


@pytest.mark.parametrize(
    "name", ["../secret", "secret", NAME.upper(), f"{NAME}/..", NAME + "\n", "", "x.avif"]
)
def test_nothing_else_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    media = tmp_path / "media"
    media.mkdir()
    (media / "secret").write_text("secret")
    (media / "x.avif").write_text("no picture of ours")
    with pytest.raises(NotFound):
        Folder(media).read(name)


def test_a_picture_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Folder(tmp_path).read(NAME)


def test_a_folder_that_cant_be_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        Folder(tmp_path / "file" / "media").put(NAME, b"picture")
    with pytest.raises(StoreUnavailable):
        Folder(tmp_path / "file").names()


def test_what_could_not_be_kept_leaves_nothing(tmp_path: Path) -> None:
    # A folder of its name is in the way of the last step.
    (tmp_path / NAME / "full").mkdir(parents=True)
    with pytest.raises(StoreUnavailable):
        Folder(tmp_path).put(NAME, b"picture")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
