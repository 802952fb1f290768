"""Channels of incidents' own: made, filled with people, kept true, and archived."""
