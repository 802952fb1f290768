"""Replies in threads that are neither timeline nor pages."""
