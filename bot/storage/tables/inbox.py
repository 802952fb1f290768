"""Inboxes that were given up for another one."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


class InboxLeftRow(SQLModel, table=True):
    """How far a partition of an inbox was worked through when it was left; who comes back goes on from there."""

    __tablename__ = "inbox_left"

    inbox: str = Field(primary_key=True, sa_type=Text)
    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    position: int = Field(sa_type=BigInteger)
