"""One file a word of a slash command."""
