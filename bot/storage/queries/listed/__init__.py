"""What somebody looks for, a page at a time."""
