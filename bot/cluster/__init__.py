"""Replicas: leases, and which of them does what."""
