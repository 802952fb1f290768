"""The partitions of a database on which nothing runs: what is in them, and how they become others."""
