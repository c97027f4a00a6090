"""Alembic's entry: run by ``storefront migrate`` with an open connection, never with an address."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from storefront.domain import schema

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=schema.metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
