"""A load that goes on for as long as it is let."""
