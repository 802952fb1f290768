"""What is brought into threads as files."""
