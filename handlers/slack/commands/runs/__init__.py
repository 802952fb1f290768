"""Slash commands about runs: what is proposed by hand, and what has earned autonomy."""
