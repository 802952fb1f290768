"""What is over: archived, pruned and deleted, a little at a time."""
