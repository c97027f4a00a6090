"""The pages that the server answers without the app: what is kept, for how long, and who makes it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

import brotli
import pytest

from storefront.server.page_cache import CONSENT, SECONDS, PageCache, Request, Response
from storefront.web.page_cache import REVALIDATING_SECONDS, SHARED_SECONDS

BODY = b"page " * 500


@dataclass
class Asked:
    path: str = "/"
    method: str = "GET"
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """An app whose every page is kept, except those below /private; it counts what it is asked and told."""

    def __init__(self, seconds: float = 60.0, most: int = 10**6) -> None:
        self.cache = PageCache(self, seconds, most)
        self.runs: list[str] = []
        self.counted: list[tuple[str, int]] = []
        self.status = 200
        self.consents = True
        self.gate: asyncio.Event | None = None
        self.fails = False

    def key(self, request: Request) -> str | None:
        return None if request.path.startswith("/private") else request.path

    def count(self, key: Hashable, method: str, status: int) -> None:  # noqa: ARG002
        self.counted.append((method, status))

    async def ask(self, path: str = "/", method: str = "GET", **headers: str) -> Response:
        request = Asked(path, method, headers={k.replace("_", "-"): v for k, v in headers.items()})

        async def run() -> Response:
            self.runs.append(path)
            if self.gate:
                await self.gate.wait()
            if self.fails:
                raise ConnectionError("on purpose")
            consent = [(CONSENT, "max-age=1")] if self.consents else []
            told = [("Content-Type", "text/html"), ("Vary", "HX-Request"), ("Cache-Control", "max-age=1")]
            return self.status, [*told, ("ETag", '"apps"'), *consent], BODY

        return self.cache.kept(request) or await self.cache.answer(
            request, lambda: asyncio.ensure_future(run())
        )


def in_loop(test: Callable[[Site], Awaitable[None]], seconds: float = 60.0) -> None:
    async def run() -> None:
        await test(Site(seconds))

    asyncio.run(asyncio.wait_for(run(), 10))


def fields(response: Response) -> dict[str, str]:
    names = [name for name, _ in response[1]]
    assert len(names) == len(set(names))
    return dict(response[1])


def test_a_page_is_made_once_and_answers_the_same_bytes() -> None:
    async def test(site: Site) -> None:
        first, second = await site.ask(), await site.ask()
        assert first == second
        assert (first[0], first[2], site.runs) == (200, BODY, ["/"])
        assert site.counted == [("GET", 200)], "the app itself has counted the first"
        assert CONSENT not in fields(first)
        assert fields(first)["vary"] == "HX-Request, Accept-Encoding"

    in_loop(test)


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP;q=0.8", "gzip"),
        ("", None),
        ("identity", None),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("zstd", None),
        ("br;q=x, ;;, =", None),
    ],
)
def test_pages_go_out_compressed_as_asked(accepts: str, coding: str | None) -> None:
    async def test(site: Site) -> None:
        await site.ask()
        answer = await site.ask(accept_encoding=accepts)
        unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
        assert fields(answer).get("content-encoding") == coding
        assert isinstance(answer[2], bytes)
        assert unpack(answer[2]) == BODY
        assert int(fields(answer)["content-length"]) == len(answer[2])
        assert len(site.runs) == 1

    in_loop(test)


def test_the_same_bytes_again_are_a_304_and_other_bytes_are_not() -> None:
    async def test(site: Site) -> None:
        tags = set()
        for coding in ("identity", "gzip", "br"):
            tag = fields(await site.ask(accept_encoding=coding))["etag"]
            tags.add(tag)
            for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
                again = await site.ask(accept_encoding=coding, if_none_match=known)
                assert (again[0], again[2], fields(again)["etag"]) == (304, b"", tag)
                assert fields(again)["cache-control"] == "max-age=1"
                assert "vary" in fields(again)
            assert (await site.ask(accept_encoding=coding, if_none_match='"x"'))[0] == 200
        assert len(tags) == 3, "a strong tag is of the bytes as sent"
        assert (await site.ask(accept_encoding="gzip", if_none_match=fields(await site.ask())["etag"]))[
            0
        ] == 200

    in_loop(test)


def test_head_is_the_head_of_the_kept_page() -> None:
    async def test(site: Site) -> None:
        page = await site.ask(accept_encoding="br")
        head = await site.ask(method="HEAD", accept_encoding="br")
        assert (head[0], head[1], head[2]) == (page[0], page[1], b"")

    in_loop(test)


@pytest.mark.parametrize(
    ("path", "status", "consents"), [("/private", 200, True), ("/", 404, True), ("/", 200, False)]
)
def test_what_is_no_good_page_of_everybody_passes_by(path: str, status: int, consents: bool) -> None:
    async def test(site: Site) -> None:
        site.status, site.consents = status, consents
        for _ in range(2):
            assert (await site.ask(path))[0] == status
        assert (len(site.runs), site.counted) == (2, [])

    in_loop(test)


def test_a_page_lapses_counted_from_before_it_was_made() -> None:
    async def test(site: Site) -> None:
        site.gate = asyncio.Event()
        first = asyncio.ensure_future(site.ask())
        await asyncio.sleep(0.06)
        site.gate.set()
        await first
        await site.ask()
        assert len(site.runs) == 2

    in_loop(test, seconds=0.05)


def test_of_many_at_once_one_makes_the_page_and_all_get_it() -> None:
    async def test(site: Site) -> None:
        site.gate = asyncio.Event()
        asked = [asyncio.ensure_future(site.ask()) for _ in range(50)]
        await asyncio.sleep(0)
        site.gate.set()
        answers = await asyncio.gather(*asked)
        assert (len(site.runs), len(site.counted)) == (1, 49)
        assert all(answer == answers[0] for answer in answers)

    in_loop(test)


def test_the_page_is_made_for_the_others_when_the_first_one_leaves() -> None:
    async def test(site: Site) -> None:
        site.gate = asyncio.Event()
        first, second = asyncio.ensure_future(site.ask()), asyncio.ensure_future(site.ask())
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        site.gate.set()
        assert (await second)[0] == 200
        assert len(site.runs) == 1

    in_loop(test)


def test_who_waits_for_one_that_fails_has_an_outcome_of_its_own() -> None:
    async def test(site: Site) -> None:
        site.gate, site.fails = asyncio.Event(), True
        asked = [asyncio.ensure_future(site.ask()) for _ in range(3)]
        await asyncio.sleep(0.01)
        site.gate.set()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in outcomes] == [ConnectionError] * 3
        assert len(site.runs) == 3
        site.fails = False
        assert (await site.ask())[0] == 200

    in_loop(test)


def test_memory_is_flat_whatever_addresses_come() -> None:
    async def test(site: Site) -> None:
        most = 20 * 2 * len(BODY)
        site.cache = PageCache(site, 60, most)
        for number in range(200):
            await site.ask(f"/{number}")
            assert site.cache._weight <= most
        assert len(site.cache._kept) == 20
        assert site.cache._weight == sum(page.weight for page in site.cache._kept.values())

    in_loop(test)


def test_what_has_lapsed_leaves_the_memory() -> None:
    async def test(site: Site) -> None:
        for number in range(20):
            await site.ask(f"/{number}")
        await asyncio.sleep(0.06)
        await site.ask("/last")
        assert list(site.cache._kept) == ["/last"]
        assert not site.cache._making

    in_loop(test, seconds=0.05)


def test_no_page_is_older_than_three_seconds() -> None:
    assert SECONDS + SHARED_SECONDS + REVALIDATING_SECONDS <= 3
