"""What becomes of a message to the bot, by the word that it begins with."""
