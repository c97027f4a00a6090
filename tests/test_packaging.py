"""What the wheel has: the shop, with its migrations, and nothing of what only a checkout needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Of a wheel built from a copy: building leaves files beside what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "checkout", ignore=LEFT_OUT)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)],
        cwd=folder / "checkout",
        check=True,
        capture_output=True,
        timeout=60,
    )
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_has_the_shop_and_no_stand_in_test_or_bench(names: set[str]) -> None:
    assert {name.partition("/")[0] for name in names} == {"storefront", "templates", "static", "brand"}


def test_the_wheel_has_every_template_and_static_file_where_the_shop_looks_for_it(names: set[str]) -> None:
    """Beside the package; what was compressed in a checkout is left out, for it may be of other sources."""
    tracked = subprocess.run(
        ["git", "ls-files", "templates", "static", "brand"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert len(tracked) > 100
    assert [name for name in tracked if name not in names] == []
    assert [name for name in names if name.endswith((".br", ".gz"))] == []


def test_the_wheel_has_every_module_and_migration_of_the_shop(names: set[str]) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "storefront").rglob("*")
        if path.suffix in (".py", ".sql", ".mako")
    }
    assert any(name.endswith(".sql") for name in wanted)
    assert wanted <= names
