"""What programs under test need, imported once, by the process from which tests/programs.py forks them."""

import gc
import importlib
import inspect
import pkgutil

import aiosqlite  # noqa: F401
import alembic.command  # noqa: F401
import matplotlib.backends.backend_agg  # noqa: F401
import pytest  # noqa: F401 - __main__ of the tests, which multiprocessing imports in every process that it forks
import uvloop  # noqa: F401

import bot
import bot.storage.migrations.online
import handlers

LEFT_OUT = (".migrations", "__main__", "bot.demo", "bot.localslack", "alibi.worker")

for package in (bot, handlers):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not any(part in module.name for part in LEFT_OUT):
            importlib.import_module(module.name)
inspect.stack()  # slack_bolt does so when an app begins: the search for all modules' files is done here, once
gc.collect()
gc.freeze()  # no collection of a process that is forked looks at any of this again
