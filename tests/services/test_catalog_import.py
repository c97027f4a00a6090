"""Catalogue files: good rows enter, bad ones are named, and nothing is ever half done."""

from __future__ import annotations

import csv
import gzip
import json
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from storefront.domain.catalog import DESCRIPTION_MAX, NAME_MAX, ListQuery
from storefront.domain.errors import Invalid, NotFound
from storefront.services.catalog_file import LINE_MAX
from storefront.services.catalog_import import Imported, import_catalog
from storefront.stores import Stores
from tests.support.factories import order, product

HEADER = "sku,name,description,price_cents,category,image_url,quantity\n"
GOOD = "pot,Teapot,Holds tea.,1250,Kitchen,/static/pot.svg,7\n"


def bring(stores: Stores, folder: Path, content: str | bytes, *, stock: bool = False) -> Imported:
    path = folder / "catalog.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return import_catalog(stores, path, set_stock=stock)


def reasons(folder: Path) -> list[tuple[int, str, str]]:
    with (folder / "catalog.csv.rejects.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "sku", "reason"]
    return [(int(line), sku, reason) for line, sku, reason in rows[1:]]


def everything(stores: Stores) -> dict[str, tuple[object, ...]]:
    """Every product and its stock as stored, physical place included: a dead update would move it."""
    rows = stores.db.rows(
        text(
            "SELECT p.sku, p.ctid::text, s.ctid::text, name, description, price_cents, category, image_url,"
            " listed, created_at, quantity, reserved, received FROM products p JOIN stock s USING (sku)"
        )
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def test_a_good_row_becomes_a_product_with_stock(stores: Stores, tmp_path: Path) -> None:
    done = bring(stores, tmp_path, HEADER + GOOD)
    assert (done.read, done.new, done.changed, done.rejects, done.rejects_path) == (1, 1, 0, [], None)
    page = stores.products.page("pot")
    assert (page.name, page.description, page.price_cents) == ("Teapot", "Holds tea.", 1250)
    assert (page.category, page.image_url, page.quantity) == ("Kitchen", "/static/pot.svg", 7)
    assert not (tmp_path / "catalog.csv.rejects.csv").exists()
    assert stores.products.listing(ListQuery(q="taepot")).searched_for == "teapot"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["csv", "bom and crlf", "jsonl"])
def test_all_forms_of_a_file_say_the_same(stores: Stores, tmp_path: Path, form: str, packed: bool) -> None:
    names = ("sku", "name", "price_cents", "other", "quantity", "description")
    values = ("  a b/é", 'Pan, 12" "deep"', 99, "x", 3, "two\nlines")
    # The header's order is free, and columns of others are passed over.
    body = ",".join(names) + '\na b/é,"Pan, 12"" ""deep""",99,x,3,"two\nlines"\n'
    if form == "bom and crlf":
        body = "\ufeff" + body.replace("x,3,", "x,3,").replace("\na b", "\r\na b").replace(
            'lines"\n', 'lines"\r\n'
        )
    if form == "jsonl":
        body = json.dumps(dict(zip(names, ("a b/é", *values[1:]), strict=True))) + "\n\n"
    content = gzip.compress(body.encode()) if packed else body.encode()
    done = bring(stores, tmp_path, content)
    assert (done.new, done.rejects) == (1, [])
    page = stores.products.page("a b/é")
    assert (page.name, page.price_cents, page.quantity) == ('Pan, 12" "deep"', 99, 3)
    assert page.description == "two\nlines"


@pytest.mark.parametrize(
    ("row", "sku", "reason"),
    [
        ("x,Pan,,,K,,1", "x", "price_cents is empty"),
        ("x,Pan,,12.50,K,,1", "x", "price_cents is not a whole number: 12.50"),
        ("x,Pan,,1_0,K,,1", "x", "price_cents is not a whole number: 1_0"),
        ("x,Pan,,٣,K,,1", "x", "price_cents is not a whole number: ٣"),
        ("x,Pan,, 7,K,,1", "x", "price_cents is not a whole number:  7"),
        ("x,Pan,,-1,K,,1", "x", "price_cents is not a whole number: -1"),
        ("x,Pan,,NaN,K,,1", "x", "price_cents is not a whole number: NaN"),
        ("x,Pan,,100000000,K,,1", "x", "price_cents is more than 99,999,999"),
        ("x,Pan,,99999999999999999999,K,,1", "x", "price_cents is not a whole number: 99999999999999999999"),
        (",Pan,,1,K,,1", "", "sku is empty"),
        ("/x,Pan,,1,K,,1", "/x", "sku begins or ends with a slash or holds //"),
        ("a/../b,Pan,,1,K,,1", "a/../b", "sku holds a part that is . or .."),
        (f"{'x' * 65},Pan,,1,K,,1", "x" * 64 + "…", "sku is longer than 64 characters"),
        ('"x\ny",Pan,,1,K,,1', "x\ufffdy", "sku holds a control character"),
        ("x,,,1,K,,1", "x", "name is empty"),
        ("x, ,,1,K,,1", "x", "name is empty"),
        ("x,,,,K,,1", "x", "name is empty; price_cents is empty"),
        (f"x,{'n' * (NAME_MAX + 1)},,1,K,,1", "x", "name is longer than 1,000 characters"),
        (f"x,Pan,{'d' * (DESCRIPTION_MAX + 1)},1,K,,1", "x", "description is longer than 20,000 characters"),
        (f"x,Pan,,1,{'c' * 101},,1", "x", "category is longer than 100 characters"),
        ("x,P\x00an,,1,K,,1", "x", "name holds a NUL character"),
        ("x,Pan,,1,K,,-3", "x", "quantity is not a whole number: -3"),
        ("x,Pan,,1,K,,1000000001", "x", "quantity is more than 1,000,000,000"),
        ("x,Pan,,1,K", "", "has 5 columns, the header 7"),
        ("x,Pan,,1,K,,1,8", "", "has 8 columns, the header 7"),
        ('"x"y,Pan,,1,K,,1', "", "is not CSV: ',' expected after '\"'"),
        ('x,"Pan,,1,K,,1', "", "has a quote that is not closed"),
        ("x" * (LINE_MAX + 5), "", "is longer than 1,048,576 bytes"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_enter(
    stores: Stores, tmp_path: Path, row: str, sku: str, reason: str
) -> None:
    done = bring(stores, tmp_path, f"{HEADER}{GOOD}{row}\nlast,Last,,1,,,\n")
    assert reasons(tmp_path) == [(3, sku, reason)]
    assert done.rejects_path == tmp_path / "catalog.csv.rejects.csv"
    assert set(everything(stores)) == {"pot", "last"}


def test_bytes_that_are_not_utf8_spoil_their_row_only(stores: Stores, tmp_path: Path) -> None:
    content = (HEADER + GOOD).encode() + b"x,P\xe9,,1,,,\n" + b"y,Pan,,1,,,\n"
    bring(stores, tmp_path, content)
    assert reasons(tmp_path) == [(3, "x", "name is not valid UTF-8")]
    assert set(everything(stores)) == {"pot", "y"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"sku": "x", "name": "\\ud800", "price_cents": 1}', "name is not valid UTF-8"),
        ('{"sku": "x", "name": "P\\u0000", "price_cents": 1}', "name holds a NUL character"),
        ('{"sku": 12, "name": "Pan", "price_cents": 1}', "sku is not a text"),
        ('{"sku": "x", "name": "Pan", "price_cents": true}', "price_cents is not a whole number: True"),
        ('{"sku": "x", "name": "Pan", "price_cents": 1.0}', "price_cents is not a whole number: 1.0"),
        ('{"sku": "x", "name": "Pan", "price_cents": NaN}', "price_cents is not a whole number: nan"),
        ('{"sku": "x", "name": "Pan", "price_cents": null}', "price_cents is empty"),
        ('{"sku": "x", "name": ["Pan"], "price_cents": 1}', "name is not a text"),
        ("[1, 2]", "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"sku": "x"', "is not JSON"),
    ],
)
def test_a_bad_json_line_is_named(stores: Stores, tmp_path: Path, line: str, reason: str) -> None:
    good = '{"sku": "pot", "name": "Teapot", "price_cents": "12"}'
    bring(stores, tmp_path, f"{good}\n{line}\n")
    assert [(at, why.startswith(reason)) for at, _, why in reasons(tmp_path)] == [(2, True)]
    assert set(everything(stores)) == {"pot"}


def test_an_unclosed_quote_does_not_swallow_the_rest(stores: Stores, tmp_path: Path) -> None:
    rows = "".join(f"s{n},Thing,,1,,,\n" for n in range(3_000))
    done = bring(stores, tmp_path, f'{HEADER}x,"Pan,,1,,,\n{rows}y,"Pan,,1,,,\n')
    assert (done.read, done.new) == (3_002, 3_000)
    assert [line for line, _, _ in reasons(tmp_path)] == [2, 3_003]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("sku,name\na,b\n", "lacks price_cents"),
        ("sku,sku,name,price_cents\n", "sku twice"),
        ("a,b,c\n", "lacks sku, name, price_cents"),
        ('"sku,name', "header can't be read"),
    ],
)
def test_a_file_without_a_header_is_refused(stores: Stores, tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        bring(stores, tmp_path, content)


def test_a_file_that_is_not_there_or_damaged_is_refused_and_nothing_enters(
    stores: Stores, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="No such file"):
        import_catalog(stores, tmp_path / "none.csv")
    with pytest.raises(Invalid, match="directory"):
        import_catalog(stores, tmp_path)
    rows = "".join(f"s{n},Thing {n},,1,,,\n" for n in range(20_000))
    with pytest.raises(Invalid, match="damaged after line"):
        bring(stores, tmp_path, gzip.compress((HEADER + rows).encode())[:-2_000])
    assert everything(stores) == {}


def test_of_a_sku_that_comes_twice_the_last_good_row_counts(stores: Stores, tmp_path: Path) -> None:
    bring(stores, tmp_path, HEADER + "a,One,,1,,,1\nA,Upper,,1,,,1\na,Two,,2,,,2\na,Three,,,,,3\n")
    assert reasons(tmp_path) == [
        (2, "a", "sku comes again in line 4, which counts"),
        (5, "a", "price_cents is empty"),
    ]
    assert stores.products.page("a").name == "Two"
    assert stores.products.page("A").name == "Upper"


def test_running_it_again_changes_nothing(stores: Stores, tmp_path: Path) -> None:
    content = HEADER + GOOD + "a,Pan,,1,,,5\nb,,,1,,,\n"
    bring(stores, tmp_path, content)
    before, rejected = everything(stores), reasons(tmp_path)
    for stock in (False, True):
        done = bring(stores, tmp_path, content, stock=stock)
        assert (done.new, done.changed, done.stock_changed) == (0, 0, 0)
        assert everything(stores) == before
        assert reasons(tmp_path) == rejected


def test_a_rejects_file_of_an_earlier_run_goes_when_nothing_is_rejected(
    stores: Stores, tmp_path: Path
) -> None:
    bring(stores, tmp_path, HEADER + "a,,,1,,,\n")
    assert reasons(tmp_path)
    bring(stores, tmp_path, HEADER + GOOD)
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.csv"]


def test_known_products_take_what_differs_but_keep_their_stock(stores: Stores, tmp_path: Path) -> None:
    bring(stores, tmp_path, HEADER + GOOD)
    done = bring(stores, tmp_path, HEADER + "pot,Kettle,New.,999,Kitchen,https://img.test/a.jpg,50\n")
    assert (done.new, done.changed) == (0, 1)
    page = stores.products.page("pot")
    assert (page.name, page.price_cents, page.quantity) == ("Kettle", 999, 7)
    assert page.image_url == "https://img.test/a.jpg"
    assert stores.products.listing(ListQuery(q="kettle")).total == 1
    assert stores.products.listing(ListQuery(q="teapot")).total == 0


def test_a_column_the_file_lacks_leaves_the_product_as_it_is(stores: Stores, tmp_path: Path) -> None:
    bring(stores, tmp_path, HEADER + GOOD)
    bring(stores, tmp_path, "sku,price_cents,name\npot,5,Teapot\n")
    page = stores.products.page("pot")
    assert (page.price_cents, page.description, page.category) == (5, "Holds tea.", "Kitchen")


def test_stock_is_set_on_request_and_never_below_what_is_reserved(stores: Stores, tmp_path: Path) -> None:
    for sku in ("held", "free"):
        product(stores, sku, quantity=5)
    order(stores, "held", qty=3)
    rows = "held,New name,,1,,,2\nfree,Free,,1,,,9\nnew,New,,1,,,4\n"
    done = bring(stores, tmp_path, HEADER + rows, stock=True)
    assert reasons(tmp_path) == [(2, "held", "quantity 2 is less than the 3 reserved for orders")]
    assert (done.new, done.changed, done.stock_changed) == (1, 1, 1)
    kept = stores.products.page("held")
    assert (kept.name, kept.quantity, kept.reserved) == ("Product held", 5, 3)
    received = {row.sku: row.received for row in stores.db.rows(text("SELECT sku, received FROM stock"))}
    assert received == {"held": 5, "free": 9, "new": 4}
    bring(stores, tmp_path, HEADER + "held,Held,,1,,,3\n", stock=True)
    assert stores.stock.level("held").quantity == 3


def test_stock_needs_a_quantity_column(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="lacks quantity"):
        bring(stores, tmp_path, "sku,name,price_cents\na,A,1\n", stock=True)


def test_an_unlisted_product_stays_unlisted(stores: Stores, tmp_path: Path) -> None:
    bring(stores, tmp_path, HEADER + GOOD)
    with stores.transaction():
        stores.products.unlist("pot")
    bring(stores, tmp_path, HEADER + GOOD.replace("1250", "1300"))
    with pytest.raises(NotFound):
        stores.products.page("pot")


def test_pictures_that_are_no_addresses_are_left_out(stores: Stores, tmp_path: Path) -> None:
    urls = (
        "javascript:alert(1)",
        "photos/a.jpg",
        "//evil.test/a",
        "http://",
        "http://[",
        "data:x",
        "http://ok.test/a",
    )
    rows = "".join(f"p{n},Pan,,1,,{url},\n" for n, url in enumerate(urls))
    done = bring(stores, tmp_path, HEADER + rows)
    assert (done.pictures_dropped, done.rejects) == (5, [])
    kept = ["", "photos/a.jpg", "", "", "", "", "http://ok.test/a"]
    assert [stores.products.page(f"p{n}").image_url for n in range(7)] == kept


def test_interrupted_nothing_of_it_is_there_and_again_it_ends_the_same(
    stores: Stores, tmp_path: Path
) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text(HEADER + "bad,,,1,,,\n" + "".join(f"s{n},Thing {n},,1,,,\n" for n in range(2_500)))

    def stop(rows: int, _done: float) -> None:
        if rows >= 2_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_catalog(stores, path, progress=stop)
    assert everything(stores) == {}
    assert [file.name for file in tmp_path.iterdir()] == ["catalog.csv"]
    assert import_catalog(stores, path).new == 2_500


def test_killed_nothing_of_it_is_there_and_again_it_ends_the_same(
    stores: Stores, tmp_path: Path, database_url: str
) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text(HEADER + "".join(f"s{n},Thing {n},,1,,,\n" for n in range(2_500)))
    program = (
        "import os, sys; from pathlib import Path; from storefront.config import Settings\n"
        "from storefront.process import Process\n"
        "from storefront.services.catalog_import import import_catalog\n"
        "def die(rows, done): rows < 2000 or os.kill(os.getpid(), 9)\n"
        "stores = Process(Settings(database_url=sys.argv[1])).stores()\n"
        "import_catalog(stores, Path(sys.argv[2]), progress=die)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, database_url, str(path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert everything(stores) == {}
    assert import_catalog(stores, path).new == 2_500


def test_rejects_that_cant_be_written_keep_everything_out(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def full(self: Path, *args: object, **kwargs: object) -> object:
        if ".rejects.csv" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(Invalid, match="No space left"):
        bring(stores, tmp_path, HEADER + GOOD + "bad,,,1,,,\n")
    assert everything(stores) == {}


def test_imports_at_once_wait_for_each_other(stores: Stores, process: object, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def one(number: int) -> None:
        rows = [f"s{n},Thing {n} of {number},,1,,,{number}\n" for n in range(500)]
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            bring(process.stores(), folder, HEADER + "".join(rows[:: 1 if number % 2 else -1]), stock=True)  # type: ignore[attr-defined]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    rows = stores.db.rows(
        text(
            "SELECT DISTINCT substr(name, strpos(name, 'of')), quantity FROM products JOIN stock USING (sku)"
        )
    )
    assert len(rows) == 1
    assert rows[0][0] == f"of {rows[0][1]}"


@pytest.mark.parametrize(
    ("name", "new", "rejected"),
    [
        (
            "catalog_online_retail.csv.gz",
            3_922,
            {"name is empty; price_cents is empty": 112, "price_cents is empty": 36},
        ),
        ("catalog_shops.csv.gz", 27_163, {"price_cents is empty": 4_010}),
        ("catalog_photos.csv", 15, {}),
        ("catalog_retail_demo_store.csv.gz", 2_465, {}),
    ],
)
def test_real_catalogues_enter_whole(
    stores: Stores, data: Path, tmp_path: Path, name: str, new: int, rejected: dict[str, int]
) -> None:
    path = tmp_path / name
    path.write_bytes((data / name).read_bytes())
    done = import_catalog(stores, path)
    found: dict[str, int] = {}
    for reject in done.rejects:
        found[reject.reason] = found.get(reject.reason, 0) + 1
    assert (done.new, found) == (new, rejected)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 400 * 1024
