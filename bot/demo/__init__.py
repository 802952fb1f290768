"""The demo: a retailer's forecast service on real processes, and the story that runs on it."""
