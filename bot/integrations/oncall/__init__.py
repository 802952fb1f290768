"""Schedules that are kept in other tools: one file each reads the shifts of the next weeks."""

from bot.integrations.oncall.fetching import Fetching, OnCallSettings

__all__ = ["Fetching", "OnCallSettings"]
