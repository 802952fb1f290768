"""The JSON API, and what machines read: health, readiness, metrics."""
