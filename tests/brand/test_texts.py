"""Markdown of an owner becomes HTML that can do nothing but be read."""

from __future__ import annotations

import pytest

from storefront.brand.texts import FIELDS, read

VALUES = {"name": "<b>A & B</b>", "contact": 'a"b@example.com', "currency": "USD", "keep": "10 years"}


@pytest.mark.parametrize(
    "planted",
    [
        "<script>alert(1)</script>",
        "[a](javascript:alert(1))",
        "![a](https://evil.example/a.png)",
        "<b onclick=a>",
    ],
)
def test_nothing_of_a_text_runs_or_fetches(planted: str) -> None:
    html = read(f"# A\n\n{planted}").filled(VALUES)
    for tag in ("<script", "<img", "<b ", 'href="javascript'):
        assert tag not in html


def test_fields_are_filled_and_escaped_in_words_and_addresses() -> None:
    html = read("# A\n\n{name} [{contact}](mailto:{contact})\n\n{currency} {keep}").filled(VALUES)
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in html
    assert 'href="mailto:a%22b@example.com"' in html
    assert "USD 10 years" in html
    assert VALUES.keys() == FIELDS


def test_a_heading_may_have_an_address_and_a_list_of_them_stands_in_one_line() -> None:
    found = read("# A\n\nOpening.\n\n- [B](#b)\n\n## B {#b}\n\nMore.\n\n- [Elsewhere](/terms)\n")
    assert found.anchors == {"b"}
    assert '<h2 id="b">B</h2>' in found.html
    assert found.html.count('class="jumps"') == found.html.count('class="lede"') == 1
    assert 'class="jumps"' not in read("# A\n\nOpening.\n\n- [B](/terms)\n").html
