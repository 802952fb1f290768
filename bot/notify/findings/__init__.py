"""What was found out about an incident by itself: one reply in its thread, edited when more is known."""
