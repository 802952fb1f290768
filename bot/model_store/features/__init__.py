"""Features that are more than a number or a category: vectors and texts."""
