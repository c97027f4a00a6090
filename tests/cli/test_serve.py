"""``storefront serve`` as a process: one clear line when it can't, and it stops when told."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import Running

SERVE = """
import os, sys
from storefront.cli.serve import serve
sys.exit(serve(os.environ, app="tests.support.healthy:app"))
"""
PRODUCTION = {
    "STOREFRONT_ENV": "production",
    "STOREFRONT_SECRET_KEY": "k" * 40,
    "STOREFRONT_DATABASE_URL": "postgresql:///nowhere",
    "STOREFRONT_STRIPE_KEY": "sk_live_x",
    "STOREFRONT_STRIPE_WEBHOOK_SECRET": "whsec_x",
    "STOREFRONT_CARRIER_WEBHOOK_SECRET": "whsec_eA==",
    "STOREFRONT_BASE_URL": "https://shop.example.com",
}


def refusal(environment: dict[str, str], program: str = SERVE) -> str:
    command, variables = [sys.executable, "-c", program], os.environ | environment
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_in_use_is_told_in_one_line(tmp_path: Path, shared: bool) -> None:
    with socket.socket() as taken:
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refusal({"PORT": port, "STOREFRONT_DATA": str(tmp_path / "data")})
    assert said == f"storefront: http://127.0.0.1:{port} is in use; set PORT to another\n"
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_none_is_told_in_one_line() -> None:
    assert refusal({"PORT": "80a"}) == "storefront: PORT=80a is not a port\n"


def test_production_serves_the_web_alone_and_stops_at_the_second_sigterm_too(tmp_path: Path) -> None:
    environment = PRODUCTION | {"PORT": "0", "STOREFRONT_DATA": str(tmp_path / "data")}
    shop = Running(sys.executable, "-c", SERVE, env=environment)
    port = int(shop.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)):
        pass
    # Its place is kept from a second shop, which would share the port and take half of the requests.
    with socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            second.bind(("127.0.0.1", port))
    os.kill(shop.pid, 15)
    assert shop.stop() == 0
    assert not (tmp_path / "data").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_without_a_folder_to_write_in_one_line_says_what_to_do(tmp_path: Path) -> None:
    """As in a container with a read-only root and no volume at /tmp; rights alone would not stop root."""
    nowhere = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/nowhere']" + SERVE
    said = refusal(PRODUCTION | {"PORT": "0", "STOREFRONT_DATA": str(tmp_path / "data")}, nowhere)
    assert said == (
        "storefront: no folder for temporary files can be written to; give it a /tmp, or set TMPDIR\n"
    )
