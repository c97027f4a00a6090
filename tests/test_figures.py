"""The figures that the README quotes are those that were measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEASURED = [(ROOT / "bench" / name).read_text().splitlines() for name in ("results.md", "million.md")]


def quoted(readme: str) -> list[str]:
    """The rows of the tables in which the README says what the shop costs."""
    section = readme.partition("## What it costs\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")]


def unmeasured(readme: str) -> list[str]:
    return [row for row in quoted(readme) if not any(row in lines for lines in MEASURED)]


def test_each_row_stands_where_it_was_measured() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(quoted(readme)) > 15
    assert unmeasured(readme) == []


def test_a_figure_that_was_not_measured_is_found() -> None:
    readme = (ROOT / "README.md").read_text()
    prettier = re.sub(r"(\| home, warm \| )\d+", r"\g<1>1", readme)
    assert len(unmeasured(prettier)) == 1


@pytest.mark.parametrize("lines", MEASURED)
def test_a_measurement_tells_the_machine_and_the_day(lines: list[str]) -> None:
    assert re.search(r"on 20\d\d-\d\d-\d\d: \S+, \d+ cores", "\n".join(lines))
