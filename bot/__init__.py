"""Tandem: one incident, its likely cause, and a remediation on a click."""

import gc

__version__ = "0.1.0"

GC_THRESHOLDS = (20_000, 20, 20)
"""A busy endpoint makes many objects that live for a moment only, and a start makes many that stay: looking for cycles
among them is rarely worth it. Set before anything else is imported, as that is a fifth of what a start costs."""

gc.set_threshold(*GC_THRESHOLDS)
