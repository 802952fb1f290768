"""Who somebody is, in which team, and what they may do."""
