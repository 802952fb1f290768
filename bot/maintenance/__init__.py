"""Maintenance: archive, prune and delete what is no longer needed, a little at a time."""
