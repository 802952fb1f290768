"""The endpoint for the lineage of data."""

from handlers.lineage.endpoint import add_lineage_routes

__all__ = ["add_lineage_routes"]
