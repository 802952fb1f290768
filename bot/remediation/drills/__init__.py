"""Drills: runbooks go their whole way with a made-up incident, by hand or by a schedule, and nothing is changed."""
