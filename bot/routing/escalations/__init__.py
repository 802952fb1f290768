"""Escalations: whom to call next while nobody acknowledges an incident.

The rules are in :mod:`bot.domain.oncall.escalation`. Here is what makes them durable: a step is one transaction, which
writes down the calls that it wants, and how far the escalation has come; :mod:`bot.routing.escalations.lane` makes the
calls afterwards, each way for itself.
"""
