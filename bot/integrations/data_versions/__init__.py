"""Versions of datasets, read where they are kept."""
