"""The topology as files say it: what depends on what, and where that is written."""

from bot.config.topology.doubts import doubts_of
from bot.config.topology.graph import Graph
from bot.config.topology.importing import import_files

__all__ = ["Graph", "doubts_of", "import_files"]
