"""What docs/operations.md tells a carrier and a warehouse to do, done as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.serving import make_server

from storefront.domain.parcels import ParcelLine, ParcelStatus
from storefront.process import Process
from storefront.stores import Stores
from tests.conftest import CARRIER_SECRET
from tests.support.factories import order, product
from tests.support.till import capture
from tests.support.worker import work

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
SKU = "KIT-ENAMEL-KETTLE"

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl"
)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bought(stores: Stores, process: Process) -> UUID:
    order_id = order(stores, product(stores, SKU), qty=2)
    capture(stores, order_id)
    work(process)
    return order_id


def run(address: str, number: str, secret: str = CARRIER_SECRET) -> list[str]:
    """The statuses that the document's two posts are answered with."""
    (script,) = re.findall(r"```sh\n(post\(\).*?)```", DOCUMENT.read_text(), re.DOTALL)
    environment = {"SHOP": address, "SECRET": secret, "PATH": "/usr/bin:/bin", "NO_PROXY": "*"}
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("7K3M-Q9TX", number)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.split()


def test_a_parcel_is_booked_and_moves(address: str, stores: Stores, bought: UUID) -> None:
    number = stores.orders.summary(bought).number
    assert run(address, number) == ["200", "200"]
    (parcel,) = stores.parcels.of(bought)
    assert (parcel.carrier, parcel.tracking_code) == ("DHL", "00340434161094027318")
    assert parcel.lines == (ParcelLine(SKU, 1),)
    assert (parcel.status, parcel.place) == (ParcelStatus.IN_TRANSIT, "Bonn")
    assert run(address, number) == ["200", "200"], "the same again is the same parcel"
    assert len(stores.parcels.of(bought)) == 1


def test_what_is_answered_where_it_does_not_go(address: str, stores: Stores, bought: UUID) -> None:
    assert run(address, "0000-0000") == ["404", "202"]
    assert run(address, stores.orders.summary(bought).number, "whsec_" + "b" * 32) == ["400", "400"]
    assert stores.parcels.of(bought) == ()
