"""How many mails that strangers can cause went to an address of late."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.mails import StrangersMail
from storefront.repositories.aurora.database import Database


class StrangersMails:
    def __init__(self, db: Database) -> None:
        self._db = db

    def take(self, address_hash: str, reference: str, most: int, within: timedelta) -> bool:
        """Whether one more may go, which then counts; a mail that is tried again counts once."""
        session = self._db.session
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(address_hash, literal(2)))))
        theirs = StrangersMail.address_hash == address_hash
        if session.execute(
            select(StrangersMail.at).where(theirs, StrangersMail.reference == reference)
        ).one_or_none():
            return True
        sent = session.execute(
            select(func.count()).where(theirs, StrangersMail.at > func.now() - within)
        ).scalar_one()
        if sent >= most:
            return False
        session.execute(insert(StrangersMail).values(address_hash=address_hash, reference=reference))
        return True
