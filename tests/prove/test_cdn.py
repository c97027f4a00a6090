"""A cache before two web processes keeps what everybody may see and nothing else, also while Aurora is away.

It is Debian's Varnish with the rules of deploy/edge.vcl, which say what deploy/edge.yaml tells CloudFront.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from storefront.process import Process
from tests.support.audit import assert_sound
from tests.support.database import plant
from tests.support.factories import product
from tests.support.frozen import Frozen
from tests.support.processes import Running
from tests.support.varnish import PROGRAM, RULES, Varnish
from tests.support.visitor import Refusal, Visitor
from tests.support.web import free_port, serve, variables

pytestmark = [
    pytest.mark.prove,
    pytest.mark.alone,
    pytest.mark.skipif(PROGRAM is None, reason="varnishd is not installed (Debian: varnish)"),
]

READERS, BUYERS, SECONDS = 6, 3, 10.0
KEEPS_ORDERS = """
    if (bereq.url ~ "^/orders/" && bereq.method == "GET") {
        set beresp.ttl = 5s;
        unset beresp.http.Vary;
        return (deliver);
    }
"""
OUTAGE = 30.0
OLDEST = 3.0
"""Seconds that a page's availability may be behind."""


@dataclass
class Site:
    """Two web processes behind a cache, and a way to cut them off from Aurora."""

    process: Process
    web: list[Running]
    ports: list[int]
    aurora: Frozen
    folder: Path
    skus: list[str]
    caches: list[Varnish] = field(default_factory=list)

    @property
    def pages(self) -> list[str]:
        """The most popular first."""
        return ["/", "/products", *(f"/products/{sku}" for sku in self.skus), "/products?q=product"]

    def varnish(self, rules: str = "") -> Varnish:
        made = Varnish(self.folder / f"varnish-{len(self.caches)}", self.ports, rules)
        self.caches.append(made)
        return made


@pytest.fixture
def site(process: Process, stripe: str, tmp_path: Path) -> Iterator[Site]:
    aurora = Frozen(process.settings.database_url.get_secret_value())
    settings = process.settings.model_copy(update={"database_url": SecretStr(aurora.url)})
    skus = [product(process.stores(), price=0, quantity=10_000) for _ in range(20)]
    ports = [free_port() for _ in range(2)]
    web = [serve(variables(settings), port) for port in ports]
    made = Site(process, web, ports, aurora, tmp_path, skus)
    yield made
    for cache in made.caches:
        cache.stop()
    for one in web:
        one.stop()
    aurora.close()
    assert_sound(process)


@dataclass
class Seen:
    """What readers of public pages and buyers got."""

    cached: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    buyers: list[Visitor] = field(default_factory=list)
    looks: int = 0
    """At what is somebody's own."""
    bodies: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return self.cached["hit"] / self.cached.total()


def read(site: Site, address: str, until: float, seen: Seen) -> None:
    reader, pages = Visitor(address), site.pages
    weights = [1 / place for place in range(1, len(pages) + 1)]
    while time.monotonic() < until:
        # Some of them have a cart and so a cookie; a campaign's link has words that no page knows.
        path = random.choices(pages, weights)[0] + random.choice(("", "", "?utm_source=x"))
        answer = reader.get(path.replace("?utm", "&utm") if path.count("?") > 1 else path)
        seen.cached[answer.headers["X-Cache"]] += 1
        seen.bodies.append(answer.text)
        if answer.status_code != 200 or "Set-Cookie" in answer.headers:
            seen.wrong.append(f"{path} answered {answer.status_code} {dict(answer.headers)}")


def buy(site: Site, address: str, until: float, seen: Seen) -> None:
    """Everything that is somebody's own, asked for again and again."""
    while time.monotonic() < until:
        buyer = Visitor(address)
        seen.buyers.append(buyer)
        with suppress(Refusal):
            buyer.add(random.choice(site.skus))
            own = [f"/orders/{buyer.place()}", "/cart", "/orders", "/checkout", "/account"] * 2
            for path in own:
                answer = buyer.get(path)
                seen.looks += answer.status_code == 200
                others = [one.name for one in seen.buyers if one is not buyer and one.name in answer.text]
                if others or answer.headers["X-Cache"] != "miss":
                    seen.wrong.append(f"{path} came from the cache")
            for path in own[:1]:
                answer = Visitor(address).get(path)
                if answer.status_code == 200 or buyer.name in answer.text:
                    seen.wrong.append(f"{path} is shown to a stranger")


def visited(site: Site, varnish: Varnish, seconds: float) -> Seen:
    """Readers and buyers side by side for so long."""
    seen, until = Seen(), time.monotonic() + seconds
    with ThreadPoolExecutor(READERS + BUYERS) as pool:
        jobs = [
            pool.submit(work, site, varnish.address, until, seen)
            for work in [read] * READERS + [buy] * BUYERS
        ]
    for job in jobs:
        job.result()
    seen.wrong += [
        f"{buyer.name} is on a public page"
        for buyer in seen.buyers
        if any(buyer.name in body for body in seen.bodies)
    ]
    return seen


def test_nine_of_ten_public_pages_come_from_the_cache_and_nothing_personal_does(site: Site) -> None:
    varnish = site.varnish()
    seen = visited(site, varnish, SECONDS)
    print(
        f"\n{seen.ratio:.1%} of {seen.cached.total()} public pages from the cache,"
        f" {seen.cached.total() / SECONDS:.0f} a second; beside them {len(seen.buyers)} buyers"
        f" looked {seen.looks} times at what is theirs"
    )
    assert seen.wrong == []
    assert seen.looks > 30
    assert seen.ratio > 0.9


def test_a_cache_that_keeps_what_is_personal_is_caught(site: Site) -> None:
    """The negative control: orders are looked up as pages are, and kept whatever the shop says."""
    faults = {
        "(static|media)": "(static|media|orders)",
        "unset req.http.Cookie;": "",
        "sub vcl_backend_response {": "sub vcl_backend_response {" + KEEPS_ORDERS,
    }
    planted = RULES.read_text()
    for right, wrong in faults.items():
        assert right in planted
        planted = planted.replace(right, wrong)
    varnish = site.varnish(planted)
    seen = visited(site, varnish, 3)
    assert any("came from the cache" in one or "stranger" in one for one in seen.wrong)


def outage(site: Site, varnish: Varnish, seconds: float) -> tuple[Counter[int], float, set[int]]:
    """Aurora is away: what all pages answered, the longest answer, and what adding to a cart did."""
    reader, answers, longest, added = Visitor(varnish.address), Counter[int](), 0.0, set()
    for path in site.pages:
        assert reader.get(path).status_code == 200
    site.aurora.refuse()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path in site.pages:
            began = time.monotonic()
            answers[reader.get(path).status_code] += 1
            longest = max(longest, time.monotonic() - began)
        added.add(reader.post("/cart/items", sku=site.skus[0], quantity="1").status_code)
    site.aurora.admit()
    return answers, longest, added


def test_the_catalogue_is_served_through_an_outage_of_aurora_and_is_fresh_after_it(site: Site) -> None:
    varnish = site.varnish()
    answers, longest, added = outage(site, varnish, OUTAGE)
    print(f"\n{OUTAGE:.0f} s without Aurora: {dict(answers)}, longest answer {longest:.2f} s; carts {added}")
    back = seconds_until_shown(site, varnish.address, bound=20)
    print(f"fresh again {back:.2f} s after its return")
    assert set(answers) == {200}
    assert added == {503}, "what can't be done is said so"


def test_without_stale_pages_the_outage_is_seen(site: Site) -> None:
    """The negative control: a cache that keeps nothing beyond its second."""
    varnish = site.varnish(RULES.read_text().replace("stale-if-error=\\d+", "no-such-word"))
    answers, _, _ = outage(site, varnish, 4)
    assert answers[503] > 0


def sold_out(site: Site, sku: str) -> None:
    plant(
        site.process.stores(),
        "UPDATE stock SET quantity = 0, received = received - quantity WHERE sku = :s",
        s=sku,
    )


def seconds_until_shown(site: Site, address: str, bound: float) -> float:
    """From a product's selling out until no page of it says otherwise, while many look at it."""
    sku, ended = random.choice(site.skus[:10]), threading.Event()
    path = f"{address}/products/{sku}"
    crowd = [threading.Thread(target=_look, args=(path, ended), daemon=True) for _ in range(2)]
    for one in crowd:
        one.start()
    time.sleep(random.uniform(1, 3))  # at any moment of a kept page's life
    sold_out(site, sku)
    began = time.monotonic()
    while "InStock" in requests.get(path, timeout=15).text:
        assert time.monotonic() - began < bound, "it is never shown"
        time.sleep(0.01)
    ended.set()
    for one in crowd:
        one.join(15)
    return time.monotonic() - began


def _look(path: str, ended: threading.Event) -> None:
    while not ended.wait(0.02):
        requests.get(path, timeout=15)


def test_availability_is_three_seconds_old_at_most(site: Site) -> None:
    varnish = site.varnish()
    ages = []
    for sku in site.skus[10:15]:
        site.skus[:10] = [sku] * 10
        ages.append(seconds_until_shown(site, varnish.address, bound=OLDEST + 1))
    print("\nsold out is shown after", ", ".join(f"{age:.2f}" for age in ages), "s")
    assert max(ages) < OLDEST + 0.2, "and the time that it takes to look"
