"""A flood of new incidents: the most important get messages of their own, one digest names the others."""
