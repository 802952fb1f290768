"""Monitors that judge each version of a model apart."""
