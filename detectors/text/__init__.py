"""Texts as numbers and categories that can be watched: length, words, language."""
