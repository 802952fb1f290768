"""The tables, one file a concept. Columns carry the names of the domain types' fields."""
