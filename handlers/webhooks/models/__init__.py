"""Sources that watch or serve models."""
