"""What the documents name is there, and what must be documented is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from storefront.config import Settings
from storefront.domain.orders import ORDER_MOVES
from storefront.domain.schema import metadata

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README, DATA = (ROOT / "README.md").read_text(), (ROOT / "docs/data.md").read_text()

# Where the paths of a page begin.
BELOW = [ROOT / place for place in ("", "storefront", "storefront/audit", "templates")]
# What looks like a path and is an address of the shop, or is made while it runs.
NO_PATHS = re.compile(r"[</…]+$|^/|^\.storefront/|<|\.\.\.|\s|^https?:|\*\*|=|^proc/")

# Set by whoever starts the process, for its children or for a demonstration; or, of AWS, by boto3's names.
NOT_FOR_OPERATORS = {"standins", "mail_folder", "carrier_step_seconds", "aws_region"}


def each_page() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page()
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@each_page()
def test_headings_that_are_linked_to_are_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text()):
        text = (page.parent / target).read_text() if target else page.read_text()
        headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in _headings(text)}
        assert anchor in headings, f"{target}#{anchor}"


def _headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def paths_in(text: str) -> Iterator[str]:
    """What stands in backticks and looks like a path."""
    for word in re.findall(r"`([^`\n]+)`", text):
        if "/" in word and re.search(r"(\.\w+|/)$", word) and not NO_PATHS.search(word):
            yield word


@each_page()
def test_tests_that_are_named_are_there(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
    assert [f"{file}::{name}" for file, name in named if name not in _tests_of(file)] == []


@cache
def _tests_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@each_page()
def test_files_that_are_named_are_there(page: Path) -> None:
    missing = [
        path for path in paths_in(page.read_text()) if not any((place / path).exists() for place in BELOW)
    ]
    assert missing == []


def test_every_recipe_names_files() -> None:
    recipes = re.split(r"^## ", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    named = {recipe.partition("\n")[0]: len(list(paths_in(recipe))) for recipe in recipes}
    for change in ("A setting", "A page", "A column", "An event", "A job", "A mail"):
        assert named[change] >= 3, change


def test_a_file_that_is_gone_is_noticed() -> None:
    (path,) = paths_in("see `storefront/services/gone.py`, but not `/orders/<id>` or `stock set`")
    assert not any((place / path).exists() for place in BELOW)


@cache
def members() -> dict[str, set[str]]:
    """The methods and fields of the shop's classes, by the class's name."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "storefront").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names = found.setdefault(node.name, set())
                names |= {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
                names |= {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
    return found


@each_page()
def test_methods_that_are_named_are_there(page: Path) -> None:
    for name, member in re.findall(r"`([A-Z][a-z]\w+)\.([a-z]\w*)`", page.read_text()):
        assert member in members().get(name, ()), f"{name}.{member}"


def test_invariants_that_are_cited_are_numbered() -> None:
    numbered = set(re.findall(r"^\| \*\*(I\d+)\*\*", (ROOT / "docs/invariants.md").read_text(), re.MULTILINE))
    cited = {
        number
        for folder in ("storefront", "docs", "tests")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".md")
        for number in re.findall(r"\bI\d{1,2}\b", path.read_text())
    }
    assert numbered
    assert cited <= numbered


def test_pages_that_are_cited_are_in_the_repository() -> None:
    names = {path.name for path in [*PAGES, *ROOT.glob("deploy/*.md"), *ROOT.glob("bench/*.md")]}
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("storefront", "standins", "bench", "deploy", "templates", "docs")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".html", ".txt", ".yaml", ".toml", ".md", ".sql")
        for name in re.findall(
            r"(?<![/\w])(?:\w+/)*(\w+\.md)\b", re.sub(r"https?://\S+", "", path.read_text())
        )
        if name not in names
    }
    assert found == set()


def test_every_setting_is_in_the_table_and_no_other() -> None:
    table = README.partition("| setting |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    names = [name for cell in first for name in re.findall(r"`(\w+)`", cell)]
    told = {name.removeprefix("STOREFRONT_").lstrip("_").lower() for name in names}
    assert told == set(Settings.model_fields) - NOT_FOR_OPERATORS


def test_every_column_is_told_of() -> None:
    """In docs/data.md those that the shop was given, in the README those that were added."""
    given = [row for row in DATA.replace("**", "").splitlines() if row.startswith("| ")]
    added = README.partition("## Data")[2]
    for table in metadata.sorted_tables:
        rows = [row for row in given if row.startswith(f"| {table.name}.")]
        if not rows:
            assert table.name in added, f"{table.name} is a table nobody is told of"
            continue
        rows += [row for row in added.splitlines() if re.match(rf"\| .*\b{table.name}\b", row)]
        for column in table.columns:
            assert re.search(rf"\b{column.name}\b", "\n".join(rows)), f"{table.name}.{column.name}"


def test_the_drawn_states_are_those_of_the_table() -> None:
    drawing = (ROOT / "docs/architecture.md").read_text().partition("stateDiagram-v2")[2].partition("```")[0]
    drawn = re.findall(r"^    (\w+) --> (\w+)", drawing, re.MULTILINE)
    assert sorted(drawn) == sorted((a.value, b.value) for a, to in ORDER_MOVES.items() for b in to)
