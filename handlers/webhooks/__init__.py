"""The webhooks: one file per source, which verifies the sender, parses the body and returns events."""

from handlers.webhooks.door import add_webhook_routes, parse_delivery, source_secrets
from handlers.webhooks.express import Deliver, Lane

__all__ = ["Deliver", "Lane", "add_webhook_routes", "parse_delivery", "source_secrets"]
