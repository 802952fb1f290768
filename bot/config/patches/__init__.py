"""Settings that are proposed, as patches of the files in which they stand. Nothing here writes a file."""

from bot.config.patches.patches import Patch, Patches
from bot.config.patches.section import NoiseSection

__all__ = ["NoiseSection", "Patch", "Patches"]
