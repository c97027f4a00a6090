"""What a page costs at least: a Flask hello, and one SELECT with a small page; served by plain granian.

``python -m granian --interface wsgi bench.bare:app``; ``BENCH_DATABASE_URL`` names a shop's database.
"""

from __future__ import annotations

import os

from flask import Flask
from sqlalchemy import create_engine, text

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


@app.get("/products/<path:sku>")
def one_select(sku: str) -> str:
    with engine.connect() as connection:
        product = connection.execute(ONE, {"sku": sku}).one()
    return PAGE.render(product=product)
