"""The kinds of monitors, one file a kind or a family of kinds; a new file in this folder is found by itself."""
