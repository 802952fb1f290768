"""What channels show of incidents, and what is left to publish."""
