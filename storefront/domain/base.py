"""What the mapped classes share: the declarative base and the column types of our own."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from storefront.domain.addresses import PostalAddress
from storefront.domain.deliveries import Delivery


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
    }


class AddressColumn(TypeDecorator[PostalAddress]):
    """A postal address kept as JSON in a text column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: PostalAddress | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return json.dumps(asdict(value), ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> PostalAddress | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else PostalAddress(**json.loads(value))


class DeliveryColumn(TypeDecorator[Delivery]):
    """A delivery kept as JSON: partial indexes and the audit look into it."""

    impl = JSONB
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def process_bind_param(self, value: Delivery | None, dialect: Dialect) -> dict[str, object] | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value.as_json()

    def process_result_value(self, value: dict[str, object] | None, dialect: Dialect) -> Delivery | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else Delivery.from_json(value)


E = TypeVar("E", bound=StrEnum)


class EnumColumn(TypeDecorator[E]):
    """A StrEnum kept as its value in a text column; a CHECK of the table holds the column to the values.

    SQLAlchemy's own Enum would make it a VARCHAR, whose length is in the way of every later value.
    """

    impl = Text
    cache_ok = True

    def __init__(self, values: type[E]) -> None:
        super().__init__()
        self.values = values

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else self.values(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else self.values(value)


def one_of(column: str, values: type[StrEnum]) -> str:
    """The text of a CHECK that holds ``column`` to the values of an enum."""
    return f"{column} IN ({', '.join(repr(str(v)) for v in values)})"
