"""Whom an incident concerns: routes, what they are matched against, and what they decide."""
