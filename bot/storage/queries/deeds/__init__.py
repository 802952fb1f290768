"""What people did that has consequences later."""
