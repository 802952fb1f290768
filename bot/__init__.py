"""Tandem: one incident, its likely cause, and a remediation on a click."""

__version__ = "0.1.0"
