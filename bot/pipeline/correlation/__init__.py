"""What correlation does to incidents that exist: merge them, move alerts between them."""
