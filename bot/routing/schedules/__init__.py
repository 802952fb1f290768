"""Schedules: who is on call now and next, read from where it is written."""
