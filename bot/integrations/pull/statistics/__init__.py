"""Statistics that the database makes itself: the rows stay where they are."""
