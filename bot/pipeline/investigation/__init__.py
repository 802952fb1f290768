"""Looking into an incident while it is young: which checks, how often, and what they are given."""
