"""Alembic's entry: runs the migrations on the connection that the application hands over."""

from alembic import context
from sqlmodel import SQLModel

from bot.storage import model_tables, slack_tables, tables, tool_tables

assert tables and slack_tables and model_tables and tool_tables  # importing them fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
