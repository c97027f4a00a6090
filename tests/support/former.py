"""A filled database of the schema before the present one, and shoppers on it as that version serves them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from storefront.cli.migrate import MIGRATIONS
from storefront.config import Settings
from storefront.repositories.aurora.fitness import schema_needed

FILL = """
INSERT INTO products (sku, name, description, price_cents, category)
SELECT 'P-' || n, 'Pan number ' || n, repeat('enamel and iron ', 20), 100 + n, 'Kitchen/' || n % 40
  FROM generate_series(1, 20000) n;
INSERT INTO stock (sku, quantity, received) SELECT sku, 1000, 1000 FROM products;
INSERT INTO carts (cart_id, user_id, created_at, closed_at)
SELECT gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 minute',
       CASE WHEN n % 2 = 0 THEN now() END
  FROM generate_series(1, 100000) n;
INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)
SELECT cart_id, 'P-1', 1, 101, 'Pan number 1' FROM carts;
INSERT INTO orders
       (order_id, user_id, cart_id, status, total_cents, address, created_at, expires_at, number, email)
SELECT gen_random_uuid(), user_id, cart_id, 'cancelled', 101, '{}',
       created_at, created_at + interval '15 minutes',
       upper(left(md5(cart_id::text), 4) || '-' || substr(md5(cart_id::text), 5, 4)),
       'ada@example.com'
  FROM carts WHERE closed_at IS NOT NULL ON CONFLICT DO NOTHING;
INSERT INTO order_events (order_id, event_id, kind, mailed_at)
SELECT order_id, 'placed', 'placed', now() FROM orders;
ANALYZE;
"""

VISITS = {
    "list": "SELECT sku, name, price_cents FROM products WHERE listed ORDER BY created_at DESC, sku LIMIT 24",
    "product": "SELECT name, quantity - reserved FROM products JOIN stock USING (sku) WHERE sku = 'P-7'",
    "order": "SELECT status, kind FROM orders JOIN order_events USING (order_id) WHERE number = %(number)s",
    "cart": "INSERT INTO carts (cart_id, user_id) VALUES (%(cart)s, %(user)s)",
    "line": "INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)"
    " VALUES (%(cart)s, 'P-2', 1, 2, 'Pan')",
    "hold": "UPDATE stock SET reserved = reserved + 1 WHERE sku = %(sku)s AND reserved < quantity",
    "step": "UPDATE orders SET claimed_until = now() WHERE number = %(number)s",
    "event": "INSERT INTO order_events (order_id, event_id, kind) SELECT order_id, %(cart)s, 'extended'"
    " FROM orders WHERE number = %(number)s",
}
"""One statement of each kind of page and job, with no column that a later version brought."""


@contextmanager
def database(admin_url: str, name: str) -> Iterator[str]:
    """Of the schema before the present one, filled; its address."""
    url = admin_url.replace("/storefront?", f"/{name}?")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            upgrade(url, f"{schema_needed() - 1:04}")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(FILL)
            yield url
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def upgrade(url: str, revision: str) -> None:
    """Bring a database to a schema by its number, an empty one or of an earlier one."""
    engine = create_engine(Settings(database_url=url).sqlalchemy_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    # Not in a transaction: some migrations have a part that stands outside of one.
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


@dataclass
class Traffic:
    """What was answered: kind of visit and seconds; and what was not."""

    answered: list[tuple[str, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(seconds for _, seconds in self.answered)


@contextmanager
def shoppers(url: str, count: int = 4) -> Iterator[Traffic]:
    """So many at once, from before the block to after it."""
    traffic, stop = Traffic(), threading.Event()
    everybody = [threading.Thread(target=_visit, args=(url, traffic, stop)) for _ in range(count)]
    for one in everybody:
        one.start()
    try:
        time.sleep(1)
        yield traffic
        time.sleep(1)
    finally:
        stop.set()
        for one in everybody:
            one.join(30)


def _visit(url: str, traffic: Traffic, stop: threading.Event) -> None:
    with psycopg.connect(url, autocommit=True, options="-c statement_timeout=20000") as connection:
        found = connection.execute("SELECT number FROM orders LIMIT 1").fetchone()
        assert found
        while not stop.is_set():
            about = {"cart": str(uuid4()), "user": uuid4(), "number": found[0], "sku": "P-9"}
            for kind, statement in VISITS.items():
                began = time.perf_counter()
                try:
                    connection.execute(statement, about)
                    traffic.answered.append((kind, time.perf_counter() - began))
                except psycopg.Error as error:
                    traffic.failed.append(f"{kind}: {error}")
