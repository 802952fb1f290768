"""All tasks of maintenance. A new one is a function in a file of its own, and a line here."""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.retention import RetentionRules
from bot.maintenance.archive import open_archive
from bot.maintenance.loop import Task
from bot.maintenance.model_data import remove_unused
from bot.maintenance.retention import ForgetRuns, Retention
from bot.maintenance.telemetry import TelemetryPruning
from bot.model_store.frames import Frames
from bot.observability.metrics import RETENTION_FAILED
from bot.services import Services

MODEL_DATA = "tidying"  # the name of the lease stays as it is: replicas of two releases share it during an upgrade
TELEMETRY = "pruning"
RETENTION = "retention"


@dataclass(frozen=True)
class Limits:
    """For how long what is kept. ``archive`` is an address, None for the folder beside the database."""

    retention: RetentionRules
    model_data: timedelta
    archive: str | None = None


def all_tasks(services: Services, frames: Frames, limits: Limits, forget_runs: ForgetRuns) -> list[Task]:
    """Raises ConfigError where the archive cannot be where it is configured."""
    return [
        *model_data_tasks(services.under(MODEL_DATA), frames, limits.model_data),
        *telemetry_tasks(services.under(TELEMETRY)),
        *retention_tasks(services.under(RETENTION), limits, forget_runs),
    ]


def model_data_tasks(services: Services, frames: Frames, keep_for: timedelta) -> list[Task]:
    async def run() -> bool:
        await remove_unused(services.database, frames, services.clock(), keep_for)
        return False

    return [Task("model data", MODEL_DATA, timedelta(minutes=30), run)]


def telemetry_tasks(services: Services) -> list[Task]:
    return [Task("samples and log lines", TELEMETRY, timedelta(minutes=1), TelemetryPruning(services).prune)]


def retention_tasks(services: Services, limits: Limits, forget_runs: ForgetRuns) -> list[Task]:
    """One for each kind of what is archived: an outage of the archive while one is written is none of the others'."""
    archive = open_archive(services.database, limits.archive) if limits.retention.archive else None
    retention = Retention(services, limits.retention, archive, forget_runs)
    every = timedelta(minutes=10)
    return [Task(name, RETENTION, every, run, RETENTION_FAILED) for name, run in retention.turns().items()]
