"""Alembic's entry: runs the migrations on the connection that the application hands over."""

from alembic import context
from sqlmodel import SQLModel

from bot.storage.tables.core import core as tables
from bot.storage.tables.core import correlation as correlation_tables
from bot.storage.tables.core import inbox as inbox_tables
from bot.storage.tables.core import leases as lease_tables
from bot.storage.tables.core import models as model_tables
from bot.storage.tables.core import slack as slack_tables
from bot.storage.tables.core import tools as tool_tables

assert tables and slack_tables and model_tables and tool_tables  # importing them fills the metadata
assert inbox_tables and lease_tables and correlation_tables

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # A migration that waits for a table makes everybody wait who comes after it: rather it comes again.
    connection.exec_driver_sql("SET lock_timeout = '3s'")
    connection.commit()
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
