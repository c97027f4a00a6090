"""A long search costs no more than a short one."""

from __future__ import annotations

import pytest

from storefront.repositories.aurora.search import MOST_WORDS, few_words


@pytest.mark.parametrize(
    ("typed", "looked_for"),
    [
        ("enamel kettle", "enamel kettle"),
        ("a-b_c/d e.f g,h", "a-b_c/d e.f g,h"),
        ("a b c d e f g h i j", "a b c d e f g h"),
        ("ä-" * 100, "-".join("ä" * MOST_WORDS)),
        ("", ""),
        ("!?" * 100, "!?" * 100),
    ],
)
def test_so_many_words_are_looked_for(typed: str, looked_for: str) -> None:
    assert few_words(typed) == looked_for
