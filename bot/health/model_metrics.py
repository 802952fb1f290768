"""Where the monitors of models stand, as metrics: a bounded number of series, whatever models and columns come."""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import structlog
from prometheus_client import Gauge

from bot.domain.rules import Rules
from bot.errors import StorageUnavailable
from bot.model_store.checks import CheckState, Standing, standings
from bot.observability.metrics import (
    MODEL_CHECKED_AT,
    MODEL_COLUMN_MISSING,
    MODEL_COLUMN_PSI,
    MODEL_FIRING,
    MODEL_LIMIT,
    MODEL_SERIES_LEFT_OUT,
    MODEL_VALUE,
)
from bot.storage.database import Database

EVERY = 30.0
MOST_MONITORS = 1_000
MOST_COLUMNS, MOST_OF_MONITOR = 2_000, 10
_GAUGES = (MODEL_FIRING, MODEL_CHECKED_AT, MODEL_VALUE, MODEL_LIMIT, MODEL_COLUMN_PSI, MODEL_COLUMN_MISSING)
_FIRING = {CheckState.OK: 0.0, CheckState.FIRING: 1.0}

log = structlog.get_logger(__name__)


class ModelMetrics:
    """One replica has the role of publishing them; what it published goes when it has it no more."""

    def __init__(self, database: Database, rules: Rules) -> None:
        self._database, self._rules = database, rules

    async def run(self) -> None:
        """Publish until cancelled."""
        try:
            while self._rules.models:
                try:
                    await self.publish()
                except StorageUnavailable as error:
                    log.warning("models.metrics", reason=str(error))
                await asyncio.sleep(EVERY)
            await asyncio.Event().wait()
        finally:
            withdraw()

    async def publish(self) -> None:
        """Raises StorageUnavailable."""
        models = self._rules.models
        async with self._database.read() as connection:
            found = await standings(connection, models)
        found = [one for one in found if one.monitor in models[one.model].monitors]
        found.sort(key=lambda one: (one.state is not CheckState.FIRING, bool(one.model_version), -one.at.timestamp()))
        withdraw()
        shown = found[:MOST_MONITORS]
        left_out = len(found) - len(shown)
        for one in shown:
            _publish(one)
        for gauge, figures in ((MODEL_COLUMN_PSI, "psi"), (MODEL_COLUMN_MISSING, "missing")):
            left_out += _publish_columns(gauge, shown, figures)
        MODEL_SERIES_LEFT_OUT.set(left_out)


def _labels(one: Standing) -> tuple[str, str, str, str]:
    return one.model, one.monitor, one.domain, one.model_version


def _publish(one: Standing) -> None:
    labels, measured = _labels(one), one.measured
    MODEL_FIRING.labels(*labels).set(_FIRING.get(one.state, math.nan))
    MODEL_CHECKED_AT.labels(*labels).set(one.at.timestamp())
    if measured is None:
        return
    for gauge, value in ((MODEL_VALUE, measured.value), (MODEL_LIMIT, measured.limit)):
        if value is not None:
            gauge.labels(*labels, measured.metric).set(value)


def _publish_columns(gauge: Gauge, shown: Sequence[Standing], figures: str) -> int:
    """How many are left out: each monitor has its first ones before any has more."""
    of_each = [(_labels(one), list(_figures(one, figures).items())) for one in shown]
    series = (
        (*labels, *columns[place])
        for place in range(MOST_OF_MONITOR)
        for labels, columns in of_each
        if place < len(columns)
    )
    published = 0
    for *labels, value in islice(series, MOST_COLUMNS):
        gauge.labels(*labels).set(value)
        published += 1
    return sum(len(columns) for _, columns in of_each) - published


def _figures(one: Standing, name: str) -> Mapping[str, float]:
    return getattr(one.measured, name) if one.measured is not None else {}


def withdraw(gauges: Iterable[Any] = _GAUGES) -> None:
    """Publish nothing."""
    for gauge in gauges:
        gauge.clear()
