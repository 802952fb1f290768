"""Rows of models that are read from databases: exactly once, in pages, by a column that grows."""
