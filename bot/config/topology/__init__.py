"""The topology as files say it: what depends on what, and where that is written."""

from bot.config.topology.graph import Graph
from bot.config.topology.importing import import_files
from bot.config.topology.warnings import doubts_of

__all__ = ["Graph", "doubts_of", "import_files"]
