"""Vectors, such as embeddings of images and texts: whether they are well formed, and whether they are as they were."""
