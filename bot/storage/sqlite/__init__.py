"""What is SQLite's own: its driver, its file, a connection that stays."""
