"""Conversations with the bot beside what a person looks at: which incident is meant there, and what is suggested."""
