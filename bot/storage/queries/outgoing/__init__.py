"""What other systems are sent, and have not taken yet."""
