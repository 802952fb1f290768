"""What a monitor shows of a run: the verification of a promotion or a retraining reads it here."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.runs.verification import Look
from bot.watches.models.memory import MonitorState, overview_of


async def look_at_monitor(connection: AsyncConnection, monitor: str, since: datetime, partitions: int) -> Look:
    """What ``MODEL/MONITOR`` found in its last check, if all rows of that came after a moment."""
    model, _, name = monitor.partition("/")
    overview = await overview_of(connection, model, partitions)
    mine = [state for state in overview.states if state.monitor == name]
    apart = [state for state in mine if state.model_version is not None]
    fresh = [state for state in apart or mine if _is_fresh(state, since)]
    if any(state.firing_since for state in fresh):
        return Look(firing=[f"the monitor {monitor}"])
    if not fresh:
        return Look(unproven=[f"the monitor {monitor} has checked no rows that came after the last step"])
    return Look()


def _is_fresh(state: MonitorState, since: datetime) -> bool:
    return state.rows_since is not None and state.rows_since >= since
