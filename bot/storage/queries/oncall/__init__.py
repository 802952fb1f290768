"""Escalations, the calls that they make, and who is on call."""
