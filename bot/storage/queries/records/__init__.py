"""Runs that have ended, as the record of their runbook."""
