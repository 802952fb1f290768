"""What a language model may make of a summary, and how that is checked."""
