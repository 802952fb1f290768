"""How many calls a workspace takes, and which of those that are wanted come first."""
