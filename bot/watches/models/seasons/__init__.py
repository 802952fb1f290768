"""References by the weekday and hour of their rows."""
