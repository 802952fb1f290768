"""Pure computation: plain types in, findings out; no I/O, no clock, no global state."""
