"""An owner's Markdown as the HTML of a page: CommonMark without HTML of its own, pictures or scripts.

``## Heading {#name}`` gives a heading an address. ``{name}``, ``{contact}``, ``{currency}`` and ``{keep}``
stand for what the settings say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

FIELDS = frozenset(["name", "contact", "currency", "keep"])
"""What a text may leave to the settings; ``keep`` is how long orders keep their addresses."""

_FIELD = re.compile(r"\{([a-z_]+)\}|%7B([a-z_]+)%7D")
_ANCHOR = re.compile(r"\s*\{#([a-z][a-z0-9-]*)\}\s*$")
# "html" off: tags come out as text. Links to javascript: and data: are none (the library's validateLink).
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")


@dataclass(frozen=True)
class Text:
    """A page of words: its heading and its HTML, in which fields are still to be filled in."""

    title: str
    html: str
    anchors: frozenset[str]

    def filled(self, values: Mapping[str, str]) -> Markup:
        """For a page. ``values`` has each of ``FIELDS``."""

        def value(found: re.Match[str]) -> str:
            return str(escape(values[found[1]])) if found[1] else quote(values[found[2]], safe="@.+-")

        return Markup(_FIELD.sub(value, self.html))  # noqa: S704 - values are escaped, the rest was when it was read


def read(markdown: str) -> Text:
    """The text of a page.

    Raises:
        ValueError: it has no heading at the top, or a field that nobody fills in.
    """
    tokens = _MARKDOWN.parse(markdown)
    if not tokens or (tokens[0].type, tokens[0].tag) != ("heading_open", "h1"):
        raise ValueError("the first line is the page's heading: # Help")
    title = tokens[1].content
    anchors = _name_headings(tokens)
    _mark_opening(tokens)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    named = {one or other for one, other in _FIELD.findall(html)}
    if unknown := sorted(named - FIELDS):
        raise ValueError(f"{{{unknown[0]}}} is none of {', '.join(f'{{{one}}}' for one in sorted(FIELDS))}")
    return Text(title, html, anchors)


def _name_headings(tokens: list[Token]) -> frozenset[str]:
    named = set()
    for heading, words in pairwise(tokens):
        last = words.children[-1] if heading.type == "heading_open" and words.children else None
        if last and (found := _ANCHOR.search(last.content)):
            heading.attrSet("id", found[1])
            last.content = last.content[: found.start()]
            named.add(found[1])
    return frozenset(named)


def _mark_opening(tokens: list[Token]) -> None:
    """The passage below the heading is set larger; a list of links into the page below that, in one line."""
    opening = tokens[3:5]
    if [one.type for one in opening] != ["paragraph_open", "inline"]:
        return
    opening[0].attrSet("class", "lede")
    after = tokens[6] if len(tokens) > 6 else None
    if after and after.type == "bullet_list_open":
        links = [
            str(child.attrs.get("href", ""))
            for token in tokens[6:]
            for child in token.children or ()
            if child.type == "link_open" and token.level == 3
        ]
        if links and links[0].startswith("#"):
            after.attrSet("class", "jumps")
