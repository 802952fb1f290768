"""Applications of language models: what is observed of their calls, and what a call costs."""
