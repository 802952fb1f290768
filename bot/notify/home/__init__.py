"""The page that each person has of their own: what they own, what their teams have open, what waits for them."""
