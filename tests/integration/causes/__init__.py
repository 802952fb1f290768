"""Which cause an incident names, and when that changes."""
