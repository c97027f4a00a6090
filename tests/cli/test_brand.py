"""``storefront brand check`` says all that keeps a folder from being a shop's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from storefront.brand.folder import STANDARD


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "storefront", "brand", "check", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_good_folder_is_ready() -> None:
    done = check(STANDARD)
    assert (done.returncode, done.stdout) == (0, f"{STANDARD}: Larkfield is ready\n")


def test_each_fault_has_its_line_with_file_and_place(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(STANDARD, folder)
    (folder / "terms.md").unlink()
    (folder / "hero.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><script/></svg>"
    )
    toml = folder / "brand.toml"
    toml.write_text("colour = 1\n" + toml.read_text())
    done = check(folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        f"{toml}: colour: Extra inputs are not permitted",
        f"{folder / 'terms.md'}: there is no such file",
        f"{folder / 'hero.svg'}: <script> has no place in it",
    ]


def test_colours_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(STANDARD, folder)
    toml = folder / "brand.toml"
    toml.write_text(toml.read_text().replace('ink = { light = "27% ', 'ink = { light = "77% '))
    done = check(folder)
    assert done.returncode == 1
    assert f"{toml}: colours: ink on paper, light: a contrast of " in done.stdout
    assert ", dark:" not in done.stdout
