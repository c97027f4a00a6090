"""What the mapped classes share: the declarative base and the column types of our own."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from storefront.domain.customers import PostalAddress


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {
        str: Text,
        datetime: DateTime(timezone=True),
        UUID: Uuid,
        int: BigInteger,
        dict[str, Any]: JSONB(none_as_null=True),
    }


class AddressColumn(TypeDecorator[PostalAddress]):
    """A postal address kept as JSON in a text column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: PostalAddress | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return json.dumps(asdict(value), ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> PostalAddress | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else PostalAddress(**json.loads(value))


def one_of(column: str, values: type[StrEnum]) -> str:
    """The text of a CHECK that holds ``column`` to the values of an enum."""
    return f"{column} IN ({', '.join(repr(str(v)) for v in values)})"
