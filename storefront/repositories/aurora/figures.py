"""How much waits in Aurora, and for how long: by partial indexes, which no history makes longer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.reading import records

_WAITING = text("""
    SELECT
      (SELECT count(*) FROM orders WHERE status = 'pending' AND expires_at > now()) AS live_holds,
      (SELECT count(*) FROM orders WHERE status = 'pending' AND expires_at <= now()) AS lapsed_holds,
      (SELECT count(*) FROM payments WHERE status = 'refunding') AS refunds_due,
      coalesce((SELECT extract(epoch FROM now() - min(expires_at)) FROM orders
                 WHERE status = 'pending' AND expires_at <= now()), 0)::float AS unpaid_seconds,
      coalesce((SELECT extract(epoch FROM now() - min(e.at))
                  FROM orders o JOIN order_events e USING (order_id)
                 WHERE o.status = 'paid' AND e.kind IN ('paid', 'paid_late')), 0)::float AS unshipped_seconds,
      -- A reminder of an unpaid order is due when its time has come, everything else when it happened.
      greatest(0, (SELECT extract(epoch FROM now() - min(CASE kind WHEN 'placed' THEN mail_after ELSE at END))
                     FROM order_events WHERE mailed_at IS NULL))::float AS unmailed_seconds
""")


@dataclass(frozen=True)
class Waiting:
    """Counts, and ages in seconds of whatever has waited the longest: 0 when nothing does.

    ``unpaid_seconds`` is how long the oldest lapsed hold has waited to be expired or settled,
    ``unshipped_seconds`` how long the oldest paid order has waited for its shipment.
    """

    live_holds: int
    lapsed_holds: int
    refunds_due: int
    unpaid_seconds: float
    unshipped_seconds: float
    unmailed_seconds: float


def waiting(db: Database) -> Waiting:
    """Read now, in one statement.

    Raises:
        StoreUnavailable: Aurora does not answer.
    """
    (found,) = records(Waiting, db.rows(_WAITING))
    return found
