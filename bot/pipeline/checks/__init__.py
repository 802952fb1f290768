"""The checks that look into an incident by themselves, one file each, found by :mod:`bot.pipeline.investigation`."""
