"""Whom incidents concern: routes on real databases, shown in a real channel."""
