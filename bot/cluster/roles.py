"""The role of a process: everything, only endpoints, or only work."""

from enum import StrEnum


class Role(StrEnum):
    """``TANDEM_ROLE``. The two meet in PostgreSQL; on SQLite there is one process, and it does everything."""

    ALL = "all"
    DOORS = "doors"
    WORKERS = "workers"

    @property
    def has_endpoints(self) -> bool:
        """Takes in what senders, people in Slack and readers of the API ask for."""
        return self is not Role.WORKERS

    @property
    def works(self) -> bool:
        """Takes a share of the leases: works on partitions, posts to Slack, carries out runs, does maintenance."""
        return self is not Role.DOORS
