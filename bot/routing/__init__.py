"""Whom an incident concerns: routes and teams. What decides is pure; :mod:`bot.routing.router` keeps it up to date."""
