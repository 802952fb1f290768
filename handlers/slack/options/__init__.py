"""One file a list with a search in it: what a form offers for what a person types."""
