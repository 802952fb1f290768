"""What is made beside an incident: a channel of its own, a ticket."""
