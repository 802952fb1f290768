"""Logs, metrics and traces of Tandem itself."""
