"""``/incident oncall``: who is on call."""
