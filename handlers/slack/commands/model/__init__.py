"""The words of ``/model``."""
