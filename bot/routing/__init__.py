"""Whom an incident concerns: routes and teams, schedules and escalations.

What decides is pure; :mod:`bot.routing.router` and :mod:`bot.routing.escalations.loop` keep it up to date.
"""
