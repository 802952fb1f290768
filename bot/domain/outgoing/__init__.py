"""What other systems are sent of incidents and runs."""
