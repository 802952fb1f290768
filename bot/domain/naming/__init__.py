"""What an alert is about: its service, its namespace and its hosts, from its labels alone."""

from bot.domain.naming.about import About, about
from bot.domain.naming.catalogue import NamingRules

__all__ = ["About", "NamingRules", "about"]
