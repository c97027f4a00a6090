"""``python -m standins.stripe``: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from werkzeug.serving import WSGIRequestHandler, make_server

from storefront.config import Settings

from .app import create_app
from .store import InUse, Store
from .sweep import Sweeper
from .webhooks import Deliverer

ADDRESS = "127.0.0.1"
SLOWEST_CLIENT = 30.0


class Handler(WSGIRequestHandler):
    """One request a connection: none is reused that a restart has closed. Silent about each request."""

    timeout = SLOWEST_CLIENT

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m standins.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder, made if missing")
    # Arguments can be read by everybody on the machine (ps), so the environment is the better place.
    parser.add_argument("--key", default=os.environ.get("STANDIN_STRIPE_KEY"))
    parser.add_argument("--webhook-url", default="", help="where events go; none: they are only recorded")
    parser.add_argument("--webhook-secret", default=os.environ.get("STANDIN_STRIPE_WEBHOOK_SECRET"))
    parser.add_argument("--merchant", default="", help="the name on the pages; else the shop's")
    chosen = parser.parse_args(given)
    if not chosen.key:
        parser.error("--key or STANDIN_STRIPE_KEY is needed")
    if chosen.webhook_url and not chosen.webhook_secret:
        parser.error("--webhook-secret or STANDIN_STRIPE_WEBHOOK_SECRET is needed")
    return chosen


def main(given: list[str] | None = None) -> int:
    chosen = arguments(given)
    logging.basicConfig(level=logging.WARNING, format="stripe stand-in: %(levelname)s %(name)s: %(message)s")
    stop = threading.Event()

    def stopping(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, stopping)
    signal.signal(signal.SIGINT, stopping)
    try:
        store = Store(chosen.data)
    except InUse as folder:
        print(f"{folder} is in use by another process", file=sys.stderr)
        return 1
    deliverer = Deliverer(store, chosen.webhook_url, chosen.webhook_secret or "")
    app = create_app(store, deliverer, chosen.key, chosen.merchant or Settings().shop_name)
    server = make_server(ADDRESS, chosen.port, app, threaded=True, request_handler=Handler)
    store.base = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    Sweeper(store).start()
    deliverer.start()
    print(f"ready {store.base}", flush=True)
    stop.wait()
    server.shutdown()
    # Threads may still be in the middle of something; what they have answered is synced, the rest is undone.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
