"""When what a product's page says was last changed, for sitemaps and feeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# By a trigger, so that no way of changing a product can forget it; what is in stock is no change of its page.
TRIGGER = """
CREATE FUNCTION note_changed_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER products_changed BEFORE UPDATE ON products FOR EACH ROW
    WHEN ((OLD.name, OLD.description, OLD.price_cents, OLD.category, OLD.listed,
           OLD.image_url, OLD.picture, OLD.image_urls, OLD.more_pictures)
          IS DISTINCT FROM
          (NEW.name, NEW.description, NEW.price_cents, NEW.category, NEW.listed,
           NEW.image_url, NEW.picture, NEW.image_urls, NEW.more_pictures))
    EXECUTE FUNCTION note_changed_product();
"""


def upgrade() -> None:
    op.add_column("products", sa.Column("changed_at", sa.DateTime(timezone=True)))
    op.get_bind().exec_driver_sql(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER products_changed ON products")
    op.execute("DROP FUNCTION note_changed_product()")
    op.drop_column("products", "changed_at")
