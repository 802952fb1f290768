"""alibi-detect as an engine of monitors, in a process of its own."""
