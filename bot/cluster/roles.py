"""What a process does of what Tandem does: everything, or only its doors or its work, where others do the rest."""

from enum import StrEnum


class Role(StrEnum):
    """``TANDEM_ROLE``. Doors and workers meet in PostgreSQL; on SQLite there is one process, and it does everything."""

    ALL = "all"
    DOORS = "doors"
    WORKERS = "workers"

    @property
    def has_doors(self) -> bool:
        """Takes in what senders, people in Slack and readers of the API ask for."""
        return self is not Role.WORKERS

    @property
    def works(self) -> bool:
        """Takes a share of the leases: works on partitions, speaks to Slack, carries out runs, keeps house."""
        return self is not Role.DOORS
