"""The watch over limits: when a watched series will cross its own."""
