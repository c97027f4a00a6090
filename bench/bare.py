"""What a page costs at least: a Flask hello, and one SELECT with a small page; served by plain granian.

``python -m granian --interface wsgi bench.bare:app``; ``BENCH_DATABASE_URL`` names a shop's database.
"""

from __future__ import annotations

import os

from flask import Flask, redirect, request
from sqlalchemy import create_engine, text
from werkzeug.wrappers import Response

app = Flask("bare")
engine = create_engine(os.environ["BENCH_DATABASE_URL"], pool_size=4).execution_options(
    isolation_level="AUTOCOMMIT"
)

ONE = text("SELECT sku, name, description, price_cents FROM products WHERE sku = :sku")
PAGE = app.jinja_env.from_string("""<!doctype html><html lang="en">
<title>{{ product.name }}</title><h1>{{ product.name }}</h1>
<p>{{ product.description }}</p><p>{{ '%.2f'|format(product.price_cents / 100) }}</p>
<ul>{% for n in range(24) %}<li><a href="/products/{{ product.sku }}?n={{ n }}">{{ product.name }}</a></li>
{% endfor %}</ul></html>""")


@app.get("/")
def hello() -> str:
    return "hello"


PLACE = text("""
    WITH taken AS (UPDATE bare_stock SET quantity = quantity - 1
                    WHERE sku = :sku AND quantity > 0 RETURNING sku)
    INSERT INTO bare_orders (sku, placed_at) SELECT sku, now() FROM taken RETURNING id
""")


@app.post("/orders")
def place() -> Response:
    """The smallest durable checkout: one statement that takes a unit and writes an order."""
    with engine.connect() as connection:
        number = connection.execute(PLACE, {"sku": request.form["sku"]}).scalar_one()
    return redirect(f"/orders/{number}", 303)


def make_tables() -> None:
    """Beside the shop's own, in a database that is thrown away."""
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE bare_stock (sku text PRIMARY KEY, quantity int NOT NULL)"))
        connection.execute(
            text("CREATE TABLE bare_orders (id bigserial PRIMARY KEY, sku text, placed_at timestamptz)")
        )
        connection.execute(text("INSERT INTO bare_stock SELECT sku, 1000000 FROM products"))


@app.get("/products/<path:sku>")
def one_select(sku: str) -> str:
    with engine.connect() as connection:
        product = connection.execute(ONE, {"sku": sku}).one()
    return PAGE.render(product=product)
