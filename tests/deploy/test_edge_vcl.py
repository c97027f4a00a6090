"""Varnish and CloudFront are told the same: edge.vcl beside edge.yaml, and the shop's own pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from storefront.web.page_cache import OUTAGE_SECONDS, REVALIDATING_SECONDS, SHARED_SECONDS
from tests.deploy import edge, templates

VCL = (templates.FOLDER / "edge.vcl").read_text()
STACKS = templates.load()


def words(pattern: str, text: str) -> set[str]:
    """What stands between bars or commas in the one place where the pattern matches."""
    (found,) = re.findall(pattern, text)
    return {word.strip(" '\"") for word in re.split(r"[|,]", found)}


def function() -> str:
    code: str = templates.the(STACKS, "edge.Viewer")["FunctionCode"]
    return code


def test_the_same_paths_are_kept() -> None:
    pages = {"/", "/products", "/products/*"}
    assert pages == edge.PAGES, "test_templates.py holds that these are CloudFront's"
    assert r'req.url ~ "^/(\?|$)" || req.url ~ "^/products(/|\?|$)"' in VCL
    assert {f"/{name}/*" for name in words(r'!~ "\^/\(([a-z|]+)\)/"', VCL)} == edge.FILES


def test_the_same_headers_tell_pages_apart() -> None:
    key = templates.the(STACKS, "edge.PublicPages")["CachePolicyConfig"][
        "ParametersInCacheKeyAndForwardedToOrigin"
    ]
    hashed = re.findall(r"hash_data\(req\.http\.([\w-]+)\)", VCL)
    assert {*hashed} == {"Host", *key["HeadersConfig"]["Headers"]}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert "unset req.http.Cookie;" in VCL
    assert "hash_data(req.url)" in VCL, "with all of the query, as CloudFront has it"


def test_the_same_words_of_a_query_are_known() -> None:
    known = words(r"LIST = \[(.+?)\]", function())
    assert words(r"\(\?!\(([a-z_|]+)\|a\\\.\[\^=&\]\*\)", VCL) == known
    assert "name.indexOf('a.') === 0" in function()
    assert "name === 'q'" in function()
    assert r"(?!q(=|&|$))" in VCL


def test_the_same_paths_are_for_inside() -> None:
    inside = words(r"INSIDE = \[(.+?)\]", function())
    assert {f"/{name}" for name in words(r"\^/\+\(([a-z|]+)\)/\*", VCL)} == inside == edge.NOT_FOR_OUTSIDE


def test_the_same_of_a_client_s_headers_are_dropped() -> None:
    dropped = set(re.findall(r"delete headers\['([\w-]+)'\]", function()))
    unset = {name.lower() for name in re.findall(r"unset req\.http\.([\w-]+);", VCL)}
    assert dropped <= unset


def test_pages_are_kept_for_as_long_as_they_say() -> None:
    policy = templates.the(STACKS, "edge.PublicPages")["CachePolicyConfig"]
    assert policy["MinTTL"] == policy["DefaultTTL"] == 0
    assert policy["MaxTTL"] >= SHARED_SECONDS + OUTAGE_SECONDS
    assert f"set req.grace = {REVALIDATING_SECONDS}s;" in VCL
    assert "!beresp.http.Cache-Control" in VCL, "what says nothing is not kept"


def test_errors_are_not_kept() -> None:
    assert edge.errors_are_never_kept(STACKS) == []
    assert "beresp.status != 200" in VCL


@pytest.mark.parametrize(
    ("right", "wrong", "check"),
    [
        ("(static|media)", "(static|media|orders)", test_the_same_paths_are_kept),
        ("hash_data(req.http.HX-Request-Type);", "", test_the_same_headers_tell_pages_apart),
        ("|sort|", "|", test_the_same_words_of_a_query_are_known),
        ("metrics|readyz|healthz", "metrics|readyz", test_the_same_paths_are_for_inside),
        ("unset req.http.Forwarded;", "", test_the_same_of_a_client_s_headers_are_dropped),
        ("req.grace = 1s", "req.grace = 9s", test_pages_are_kept_for_as_long_as_they_say),
        ("beresp.status != 200 ||", "", test_errors_are_not_kept),
    ],
)
def test_a_difference_is_caught(
    monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, check: Callable[[], None]
) -> None:
    assert right in VCL
    monkeypatch.setitem(globals(), "VCL", VCL.replace(right, wrong))
    with pytest.raises((AssertionError, ValueError)):
        check()
