"""The benchmark of vectors: see __main__."""
