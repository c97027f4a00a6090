"""The shop's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storefront.domain import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for extension in ("unaccent", "pg_trgm", "fuzzystrmatch"):
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public")
    # unaccent() is only STABLE, since its dictionary can be changed; a generated column needs IMMUTABLE.
    # Naming the dictionary and the schema makes the promise true as long as nobody edits the dictionary.
    op.execute("""
        CREATE FUNCTION fold(value text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
        RETURN lower(public.unaccent('public.unaccent'::regdictionary, value))
    """)
    schema.metadata.create_all(op.get_bind())


def downgrade() -> None:
    schema.metadata.drop_all(op.get_bind())
    op.execute(sa.text("DROP FUNCTION fold(text)"))
