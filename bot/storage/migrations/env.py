"""Alembic's entry: runs the migrations on the connection that the application hands over."""

from alembic import context
from sqlmodel import SQLModel

from bot.storage.tables import core, correlation, deeds, inbox, leases, models, routing, runs, seals, slack, tools

# Importing them fills the metadata.
assert all((core, correlation, deeds, inbox, leases, models, routing, runs, seals, slack, tools))

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
