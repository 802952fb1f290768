"""Calls of language models in spans, and evaluations in spans and log records: numbers and names, never content."""
