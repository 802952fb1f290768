"""The doors: everything that comes in, and nothing that decides."""
