"""Routes, teams and what they decide."""
