"""What incidents and metrics teach about which services belong together."""
