"""The topology from files: what depends on what, and on which line."""

from bot.config.topology.graph import Graph
from bot.config.topology.importing import import_files
from bot.config.topology.warnings import warnings_of

__all__ = ["Graph", "import_files", "warnings_of"]
