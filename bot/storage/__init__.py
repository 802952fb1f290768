"""SQLModel tables and the functions over them, the same on SQLite and PostgreSQL."""
