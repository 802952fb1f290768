"""Samples to alerts: metrics, logs, models and heartbeats."""
