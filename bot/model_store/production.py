"""Reference data from production: what a model predicted in a span of time, with the labels that have come."""

import asyncio
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bot.model_store import windows
from bot.model_store.columns import REFERENCE, checked
from bot.model_store.frames import Frames
from bot.storage.database import Database


class Span(NamedTuple):
    """Predictions with a timestamp in [since, until); of one model version, or of all."""

    since: datetime
    until: datetime
    version: str | None = None


async def rows_of(database: Database, frames: Frames, model: str, span: Span) -> pa.Table:
    """The newest :data:`windows.MOST_ROWS` of them as reference data. Raises Unfit where there are none."""
    async with database.read() as connection:
        predictions = await windows.window_by_time(connection, frames, model, *span)
        known = await windows.labelled(connection, frames, model, *span)
    return await asyncio.to_thread(_with_labels, predictions, known.table)


def _with_labels(predictions: pa.Table, labelled: pa.Table) -> pa.Table:
    if not labelled.num_rows:
        return checked(predictions, REFERENCE)
    at = pc.index_in(predictions["id"], value_set=labelled["id"].combine_chunks())
    return checked(predictions.append_column("label", labelled["label"].take(at)), REFERENCE)
