"""The demo: a retailer's forecast service on real processes, and the story that is told with it."""
