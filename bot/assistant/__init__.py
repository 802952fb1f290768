"""A language model that answers questions, where one is configured: it reads by tools, and its words are checked."""
