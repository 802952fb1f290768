"""The endpoints for predictions, labels and reference data."""

from handlers.models.endpoint import add_model_routes

__all__ = ["add_model_routes"]
