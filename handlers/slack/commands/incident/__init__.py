"""The words of ``/incident``."""
