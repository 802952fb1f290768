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

import bot.app
import bot.cli
import bot.commands
import bot.inbox.jetstream
import bot.notify.chart
import bot.storage.migrations.online
import bot.storage.schema
import bot.watches.models.watch
from bot.config.topology.importing import all_importers
from handlers.sources.registry import all_sources

all_importers()
all_sources()
for command in pkgutil.iter_modules(bot.commands.__path__, "bot.commands."):
    importlib.import_module(command.name)
inspect.stack()  # slack_bolt does so when an app begins: the search for all modules' files is done here, once
gc.collect()
gc.freeze()  # no collection of a process that is forked looks at any of this again
