"""How a call to a cluster can fail."""

from bot.errors import TandemError


class ClusterFailure(TandemError):
    """The API server did not answer, or asks to come again, after ``retry_after`` seconds where it says so."""

    def __init__(self, reason: str, retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(reason)
        self.retry_after, self.status = retry_after, status


class ClusterRefused(TandemError):
    """The API server does not take this, now or later. ``status`` is HTTP's."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class ClusterGone(TandemError):
    """The version that a watch goes on from is no longer kept: list anew."""
