"""The checks of features that are vectors."""
