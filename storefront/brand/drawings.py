"""An owner's SVG. What could run, or fetch something from elsewhere, is refused."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

SVG = "{http://www.w3.org/2000/svg}"
MOST_BYTES = 200_000
_XLINK = "{http://www.w3.org/1999/xlink}"
_RUNS = frozenset(
    ["script", "foreignObject", "handler", "listener", "iframe", "embed", "object", "audio", "video"]
)
_FOREIGN = re.compile(
    r"url\(\s*['\"]?(?!['\"]?#)|@import|image-set\(|expression\(|javascript:", re.IGNORECASE
)

ElementTree.register_namespace("", "http://www.w3.org/2000/svg")


def read(path: Path) -> ElementTree.Element:
    """The drawing.

    Raises:
        OSError: it can't be read.
        ValueError: it is no SVG, too large, or holds what could run or fetch.
    """
    told = path.read_bytes()
    if len(told) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES:,} bytes")
    # Entities could name files and grow without end; a drawing needs none.
    if b"<!" in re.sub(rb"<!--.*?-->", b"", told, flags=re.DOTALL) or b"<?xml-" in told:
        raise ValueError("a document type, CDATA or a style sheet's instruction has no place in it")
    if told.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in told:
        raise ValueError("it is not UTF-8")
    try:
        root = ElementTree.fromstring(told.decode("utf-8"))  # noqa: S314 - without a document type, checked above
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"no readable SVG: {error}") from None
    if root.tag != f"{SVG}svg":
        raise ValueError("the root is not <svg> of http://www.w3.org/2000/svg")
    if not re.fullmatch(r"\s*-?[\d.]+([\s,]+-?[\d.]+){3}\s*", root.get("viewBox", "")):
        raise ValueError("<svg> has no viewBox")
    for element in root.iter():
        _refuse(element)
    return root


def _refuse(element: ElementTree.Element) -> None:
    name = str(element.tag).rpartition("}")[2]
    if name in _RUNS or not str(element.tag).startswith(SVG):
        raise ValueError(f"<{name}> has no place in it")
    if name == "style" and _FOREIGN.search(element.text or ""):
        raise ValueError("<style> fetches from elsewhere")
    for attribute, value in element.attrib.items():
        short = attribute.rpartition("}")[2]
        if short.lower().startswith("on"):
            raise ValueError(f"<{name} {short}> would run a script")
        if (short == "href" or attribute.startswith(_XLINK)) and not value.strip().startswith("#"):
            raise ValueError(f"<{name} {short}> leads elsewhere")
        if short in ("src", "base") or _FOREIGN.search(value):
            raise ValueError(f"<{name} {short}> leads elsewhere")
        # Animations can set what is refused above.
        if short == "attributeName" and value.lower().endswith("href"):
            raise ValueError(f"<{name}> would lead elsewhere")


def inline(root: ElementTree.Element, name: str) -> Markup:
    """To stand in a page, where it takes the colours around it. ``name`` is its class.

    Raises:
        ValueError: it has styles or ids of its own, which a page refuses or would mix up.
    """
    for element in root.iter():
        if element.tag == f"{SVG}style" or element.get("style") is not None:
            raise ValueError("styles are not followed within a page: use attributes such as fill")
        if element.get("id") is not None or element.get("class") is not None:
            raise ValueError("id and class could be those of the page")
    root = ElementTree.fromstring(ElementTree.tostring(root))  # noqa: S314 - what was read above
    for attribute, value in (("class", name), ("aria-hidden", "true"), ("focusable", "false")):
        root.set(attribute, value)
    text = ElementTree.tostring(root, encoding="unicode")
    return Markup(text.replace(' xmlns="http://www.w3.org/2000/svg"', ""))  # noqa: S704 - checked, element by element
