"""Summaries in a language model's words, where one is configured and its words stand the check against the facts."""
