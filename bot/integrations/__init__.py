"""What flows back: acknowledgements, resolutions and silences are sent to the tools that alerts come from.

A *tool* is a source that can be told something. Everything here is level-triggered, like the notifier: each tool has a
task of its own that compares what the tool was told with what is, and tells the difference; what a tool has taken is
written down after it has, so that an outage of either side loses nothing. What came from a tool is never told to it.
"""

from bot.integrations.comparison import AlertComparison
from bot.integrations.configured import listing_tools, silence_tools, status_tools
from bot.integrations.running import ToolTasks
from bot.integrations.silences import SilenceSync
from bot.integrations.statuses import StatusSync

__all__ = [
    "AlertComparison",
    "SilenceSync",
    "StatusSync",
    "ToolTasks",
    "listing_tools",
    "silence_tools",
    "status_tools",
]
