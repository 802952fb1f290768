"""Whether Tandem itself works: its self-check, the dead man's switch and the ops channel."""
