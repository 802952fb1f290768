"""What may be done to objects of a cluster: each action shows by the server's dry run what it would change."""

from bot.kubernetes.actions.order import Order, Unfit
from bot.kubernetes.actions.registry import actions, kinds_of, perform, preview

__all__ = ["Order", "Unfit", "actions", "kinds_of", "perform", "preview"]
