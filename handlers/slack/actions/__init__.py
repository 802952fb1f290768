"""One file a button: what a click on it does."""
