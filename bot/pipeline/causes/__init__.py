"""What the cause of an incident is found by, beside its alerts, and the words for it."""
