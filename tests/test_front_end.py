"""Conventions of templates, style sheet and script, and what a page may weigh."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import brotli
import pytest

from storefront.brand.folder import STANDARD, read
from storefront.web.assets import STATIC, joined_parts, joined_scripts

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.is_file())
PAGES = [path for path in TEMPLATES if path.suffix == ".html" and "mail" not in path.parts]
COLOURS = read(STANDARD).words.colours.css
PARTS = sorted((STATIC / "css").glob("*.css"))
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
HTMX = next((STATIC / "vendor").glob("htmx-*.min.js"))

LONGEST_LINE = {".html": 120, ".txt": 120, ".xml": 120, ".css": 110, ".js": 110}
KILOBYTE = 1024
CSS_BUDGET = 12 * KILOBYTE
SCRIPT_BUDGET = 18 * KILOBYTE

# Classes without a rule, and why.
MADE = "storefront/brand makes it"
PAGE = "says which page it is, as those do that have rules"
PIECE = "names a piece that looks right as it stands"
NO_RULE = {
    "page-account": PAGE,
    "page-cart": PAGE,
    "page-checkout": PAGE,
    "page-entry": PAGE,
    "page-error": PAGE,
    "page-list": PAGE,
    "page-orders": PAGE,
    "page-product": PAGE,
    "page-text": PAGE,
    "buy-stock": PIECE,
    "cart": PIECE,
    "checkout": PIECE,
    "line-unit": PIECE,
    "line-words": PIECE,
    "order-form": PIECE,
    "order-head": PIECE,
    "product-words": PIECE,
    "timeline-detail": PIECE,
    "tool-cart": PIECE,
    "tracking": PIECE,
    "line-short": "its note has the colour",
    "to-come": "a step without a mark, beside done and now",
}

# Classes that no template names, and who puts them there.
NO_TEMPLATE = {
    "js": "app.js, on the page's root",
    "mark": MADE,
    "jumps": MADE,
    "travels": "app.js, on the picture that was clicked",
    "hold-short": "app.js, in the hold's last minute",
    "offers-box": "suggestions.js, under the search field",
    "zoom": "gallery.js, the dialog with one picture",
    "zoom-bar": "gallery.js, its buttons",
    "htmx-request": "htmx, while it waits for an answer",
}

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
CLASSES = re.compile(r'\bclass="((?:\{\{.*?\}\}|\{%.*?%\}|[^"{])*)"', re.DOTALL)
BODY_CLASS = re.compile(r"\{% block body_class %\}(.*?)\{% endblock %\}")
LITERAL = re.compile(r"'([^']*)'")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _sheet() -> str:
    return "\n".join(COMMENT.sub("", path.read_text()) for path in PARTS)


def _styled() -> set[str]:
    """The classes that the style sheet has rules for."""
    selectors = re.findall(r"([^{};]*)\{", _sheet())
    return {name for one in selectors for name in re.findall(r"\.([a-z][\w-]*)", one)}


def _used() -> tuple[set[str], set[str]]:
    """The classes that templates name, and the beginnings of those whose end a value decides."""
    names: set[str] = set()
    beginnings: set[str] = set()
    for path in PAGES:
        source = path.read_text()
        for value in [*CLASSES.findall(source), *BODY_CLASS.findall(source)]:
            literals = [one for piece in JINJA.findall(value) for one in LITERAL.findall(piece)]
            names.update(word for one in literals for word in one.split())
            for word in JINJA.sub(_ending, value).split():
                if "\0" in word:
                    beginnings.add(word.split("\0")[0])
                else:
                    names.add(word)
    return names, beginnings - {""}


def _ending(piece: re.Match[str]) -> str:
    """A space where an expression adds words of its own, else a mark: it is the end of the word before."""
    return " " if re.match(r"\{\{ ' |\{%", piece[0]) else "\0"


@pytest.mark.parametrize("path", [*TEMPLATES, *PARTS, *SCRIPTS], ids=_name)
def test_no_line_is_longer_than_an_editor_is_wide(path: Path) -> None:
    longest = LONGEST_LINE[path.suffix]
    assert [line for line in path.read_text().splitlines() if len(line) > longest] == []


@pytest.mark.parametrize("path", PARTS, ids=_name)
def test_a_line_of_the_style_sheet_holds_one_declaration(path: Path) -> None:
    lines = COMMENT.sub("", path.read_text()).splitlines()
    assert [line for line in lines if line.count(";") > 1 or re.search(r"[{;]\s*\S.*[;}]\s*$", line)] == []


def test_the_index_imports_every_part_once() -> None:
    imported = re.findall(r'^@import "(.*)";$', (STATIC / "css" / "index.css").read_text(), re.MULTILINE)
    imported.remove("brand.css")  # made of brand.toml
    assert sorted([*imported, "index.css"]) == [path.name for path in PARTS]


def test_every_rule_is_in_a_layer() -> None:
    """One outside would win over all of them."""
    for path in PARTS:
        depth = 0
        for line in COMMENT.sub("", path.read_text()).splitlines():
            assert depth or line.startswith(("@layer ", "@import ", "}")) or not line, f"{path.name}: {line}"
            depth += line.count("{") - line.count("}")


def test_what_pages_load_is_the_parts_in_order() -> None:
    """Compared without white space and comments, which is all that joining may take away."""
    index = (STATIC / "css" / "index.css").read_text()
    brand = '@import "brand.css";'
    assert index.count(brand) == 1
    index = index.replace(brand, COLOURS)
    expected = re.sub(r'@import "(.*)";', lambda found: (STATIC / "css" / found[1]).read_text(), index)
    assert "".join(joined_parts(STATIC, COLOURS).split()) == "".join(COMMENT.sub("", expected).split())
    assert "/*" not in joined_parts(STATIC, COLOURS)


def test_every_class_of_a_template_has_a_rule() -> None:
    names, _ = _used()
    assert names - _styled() == NO_RULE.keys()


def test_every_rule_has_a_template_that_uses_it() -> None:
    names, beginnings = _used()
    said = set(re.findall(r"\bsaid[\w-]*", joined_scripts()))
    idle = {one for one in _styled() - names - said if not one.startswith(tuple(beginnings))}
    assert idle == NO_TEMPLATE.keys()


def test_custom_properties_are_defined_and_used() -> None:
    sheet = _sheet() + COLOURS
    defined = set(re.findall(r"(--[\w-]+)\s*:", sheet))
    assert defined == set(re.findall(r"var\((--[\w-]+)", sheet))


@pytest.mark.parametrize("compress", [brotli.compress, gzip.compress], ids=["brotli", "gzip"])
def test_the_style_sheet_stays_within_its_budget(compress: type[bytes]) -> None:
    assert len(compress(joined_parts(STATIC, COLOURS).encode())) <= CSS_BUDGET


@pytest.mark.parametrize("compress", [brotli.compress, gzip.compress], ids=["brotli", "gzip"])
def test_the_scripts_stay_within_their_budget(compress: type[bytes]) -> None:
    assert (
        sum(len(compress(text)) for text in (joined_scripts().encode(), HTMX.read_bytes())) <= SCRIPT_BUDGET
    )


def test_the_script_is_its_parts_with_nothing_but_comments_taken_away() -> None:
    """What looks like a comment in a text of several lines would go, too; so there are no such texts."""
    sources = "".join(path.read_text() for path in SCRIPTS)
    assert all(line.count("`") % 2 == 0 for line in sources.splitlines())
    code = [line.strip() for line in sources.splitlines() if not re.match(r"\s*(//|/\*\*.*\*/$|$)", line)]
    assert joined_scripts().splitlines() == code
