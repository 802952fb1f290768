"""Alembic's entry: runs the migrations on the connection that the application hands over."""

from alembic import context
from sqlmodel import SQLModel

from bot.storage import tables

assert tables  # importing them fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
