"""Pages for people: an overview, an incident, a model. Made here, without a script."""

from handlers.pages.endpoint import Pages

__all__ = ["Pages"]
