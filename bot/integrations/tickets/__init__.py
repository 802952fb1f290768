"""Tickets of incidents in the trackers that people use: one file a tracker, and what opens one once."""
