"""The questions that are understood, one file each, found by :mod:`bot.questions.question`."""
