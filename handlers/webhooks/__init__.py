"""The sources: one file each, found by itself, which verifies the sender, parses the body and returns events."""
