"""Tandem: one incident, its likely cause, and a remediation on a click."""

import gc

__version__ = "0.1.0"

GC_THRESHOLDS = (20_000, 20, 20)
"""A busy endpoint makes many objects that live for a moment only: looking for cycles among them is rarely worth it."""
GC_OF_OTHERS = gc.get_threshold()
"""As it was: for who imports only a part, such as the client."""

gc.set_threshold(1_000_000, 20, 20)  # what is imported stays: looking for cycles is a fifth of what that costs
