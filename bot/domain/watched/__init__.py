"""What of metrics, logs, models and heartbeats is watched, and how strictly."""
