"""Charts of alerts: drawn, and uploaded into threads beside the notifier, so that no message waits for a picture."""
