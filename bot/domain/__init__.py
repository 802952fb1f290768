"""The words of the design as plain types with their rules: no I/O, no clock, nothing of ours imported."""
