"""Sources of changes: what deploys, releases and configures."""
