"""Incident and run changes that other systems are sent, as CloudEvents that are signed by Standard Webhooks."""
