"""The page cache alone: what is kept, for how long, and who renders."""

from __future__ import annotations

import gzip
import threading
import time

import brotli
import pytest
from flask import Flask, Response, request

from storefront.domain.errors import NotFound
from storefront.web import page_cache
from storefront.web.page_cache import Kept, kept


class Shop:
    """An app with one kept view that counts its renders."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.renders = 0
        self.status = 200
        self.app = Flask("test")
        self.app.config["PAGE_CACHE_SECONDS"] = seconds

        @self.app.get("/page/<name>")
        @kept("q")
        def page(name: str) -> Response:
            self.renders += 1
            return Response(f"{name} {request.args.get('q')} " + "text " * 500, self.status, {"X-Own": "yes"})

        self.client = self.app.test_client()


def test_a_page_is_rendered_once_and_answers_the_same_bytes() -> None:
    shop = Shop()
    first, second = shop.client.get("/page/a?q=1"), shop.client.get("/page/a?q=1")
    assert shop.renders == 1
    assert first.data == second.data
    assert first.headers["ETag"] == second.headers["ETag"]
    assert second.headers["X-Own"] == "yes"
    assert second.headers["Cache-Control"] == "public, max-age=1"


def test_only_what_the_page_depends_on_tells_pages_apart() -> None:
    shop = Shop()
    same = ("/page/a?q=1", "/page/a?utm=x&q=1", "/page/a?q=1&utm=y")
    assert len({shop.client.get(path).data for path in same}) == 1
    assert shop.client.get("/page/a?q=1", base_url="http://other.test").status_code == 200
    assert shop.renders == 1
    for path in ("/page/a?q=2", "/page/b?q=1", "/page/a"):
        shop.client.get(path)
    assert shop.renders == 4


def test_a_part_and_its_page_are_kept_apart() -> None:
    shop = Shop()
    shop.client.get("/page/a")
    part = shop.client.get("/page/a", headers={"HX-Request": "true"})
    shop.client.get("/page/a", headers={"HX-Request": "true", "HX-Request-Type": "full"})
    assert shop.renders == 2
    assert {"HX-Request", "HX-Request-Type", "Accept-Encoding"} <= set(part.headers["Vary"].split(", "))


def test_a_page_lapses_counted_from_before_its_render() -> None:
    made: list[float] = []

    def slow() -> float:
        made.append(time.monotonic())
        time.sleep(0.2)
        return made[-1]

    pages = Kept[float](0.15)
    pages.get("page", slow)
    pages.get("page", slow)
    assert len(made) == 2


def test_the_same_bytes_again_are_a_304() -> None:
    shop = Shop()
    for encoding in ("identity", "gzip", "br"):
        first = shop.client.get("/page/a", headers={"Accept-Encoding": encoding})
        tag = first.headers["ETag"]
        assert not tag.startswith("W/")
        again = shop.client.get("/page/a", headers={"Accept-Encoding": encoding, "If-None-Match": tag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == "public, max-age=1"
        other = shop.client.get("/page/a", headers={"Accept-Encoding": encoding, "If-None-Match": '"other"'})
        assert other.status_code == 200


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("", None),
        ("identity", None),
        ("br;q=0, gzip", "gzip"),
        ("zstd", None),
    ],
)
def test_pages_go_out_compressed_as_asked(accepts: str, coding: str | None) -> None:
    shop = Shop()
    plain = shop.client.get("/page/a").data
    answer = shop.client.get("/page/a", headers={"Accept-Encoding": accepts})
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert answer.headers.get("Content-Encoding") == coding
    assert unpack(answer.data) == plain
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert shop.renders == 1


def test_only_a_200_is_kept() -> None:
    shop = Shop()
    shop.status = 404
    assert [shop.client.get("/page/a").status_code for _ in range(2)] == [404, 404]
    assert shop.renders == 2
    shop.status = 200
    assert shop.client.get("/page/a").status_code == 200


def test_zero_seconds_keep_nothing() -> None:
    shop = Shop(0)
    for _ in range(2):
        assert "ETag" in shop.client.get("/page/a").headers
    assert shop.renders == 2


def test_of_many_at_once_one_renders_and_all_get_it() -> None:
    pages = Kept[str](60)
    renders, gate = [], threading.Event()

    def render() -> str:
        renders.append(1)
        gate.wait(5)
        return "page"

    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(pages.get("key", render))) for _ in range(8)]
    for thread in threads:
        thread.start()
    while not renders:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(5)
    assert (len(renders), got) == (1, ["page"] * 8)


def test_who_waits_for_a_render_that_fails_makes_its_own() -> None:
    pages = Kept[str](60)
    started, gate = threading.Event(), threading.Event()

    def failing() -> str:
        started.set()
        gate.wait(5)
        raise NotFound("not for you")

    failures: list[BaseException] = []

    def leader() -> None:
        try:
            pages.get("key", failing)
        except NotFound as error:
            failures.append(error)

    first = threading.Thread(target=leader)
    first.start()
    started.wait(5)
    got: list[str] = []
    second = threading.Thread(target=lambda: got.append(pages.get("key", lambda: "mine")))
    second.start()
    gate.set()
    first.join(5)
    second.join(5)
    assert (got, len(failures)) == (["mine"], 1)
    assert pages.get("key", lambda: "later") in ("mine", "later")


def test_the_least_recently_used_leaves_when_it_gets_too_much() -> None:
    pages = Kept[str](60, most=80, weigh=len)
    for key in "abcdefgh":
        pages.get(key, lambda: "x" * 10)
    pages.get("a", lambda: "again")
    pages.get("i", lambda: "x" * 10)
    assert pages.get("a", lambda: "again") == "x" * 10
    assert pages.get("b", lambda: "again") == "again"


def test_a_page_too_heavy_to_keep_is_still_answered() -> None:
    pages = Kept[str](60, most=80, weigh=len)
    assert pages.get("a", lambda: "x" * 50) == "x" * 50
    assert pages.get("a", lambda: "new") == "new"


def test_no_page_is_older_than_three_seconds() -> None:
    assert page_cache.SECONDS + page_cache.BROWSER_SECONDS < 3
