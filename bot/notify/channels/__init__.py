"""Several channels: what serves each of them, and what they know of each other."""
