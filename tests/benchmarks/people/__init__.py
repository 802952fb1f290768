"""Whom incidents concern, at the size of a large company."""
