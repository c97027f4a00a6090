"""The invariants that one snapshot of Aurora can show, each a question to the database about all orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from storefront.audit.finding import Finding
from storefront.audit.invariants.events import check_effects
from storefront.audit.invariants.orders import check_carts, check_lines, check_orders
from storefront.audit.invariants.parcels import check_following, check_parcels
from storefront.audit.invariants.refunds import check_refunds
from storefront.audit.invariants.stock import check_stock
from storefront.audit.invariants.transactions import check_transactions

Check = Callable[[Connection, str], Iterator[Finding]]
"""Takes the snapshot and the shop's currency."""

CHECKS: tuple[tuple[str, Check], ...] = (
    ("stock", check_stock),
    ("orders, payments and events", check_orders),
    ("lines and totals", check_lines),
    ("carts", check_carts),
    ("refunds", check_refunds),
    ("parcels", check_parcels),
    ("orders after their parcels", check_following),
    ("effects of events", check_effects),
    ("transactions", check_transactions),
)
"""By the name that an operator sees while it runs."""
