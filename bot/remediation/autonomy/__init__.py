"""Earned autonomy: what a runbook has earned, what Tandem announces and then runs by itself, and who stops it."""
