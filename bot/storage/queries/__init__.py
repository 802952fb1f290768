"""The functions over the tables, one file a concept, the same on SQLite and PostgreSQL."""
