"""Stage: store the rows of models that came in, before the watches read their windows."""

from collections.abc import Collection

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import RowsEvent, RowsKind
from bot.domain.watched.rows import PredictionRow
from bot.model_store import batches as model_data
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.stage import stage

_decode = msgspec.json.Decoder(list[PredictionRow]).decode


@stage(reads={"entries"}, after={"claim"}, on={Trigger.ENTRIES})
async def keep_rows(batch: Batch, connection: AsyncConnection) -> None:
    came = [(at, event) for at, event in batch.events() if isinstance(event, RowsEvent)]
    models = batch.rules.models
    named = [(at, _named(event, models[event.model].features if event.model in models else ())) for at, event in came]
    if named:
        await model_data.note_rows(connection, named, batch.rules.correlation.partition_by)


def _named(event: RowsEvent, features: Collection[str]) -> RowsEvent:
    """The event with features that are known by their positions only, 0, 1, …, under the names of tandem.yaml."""
    if not features or not bytes(event.inline) or event.holds is not RowsKind.PREDICTIONS:
        return event
    rows, positions = _decode(event.inline), [str(at) for at in range(len(features))]
    if not any(list(row.features) == positions for row in rows):
        return event
    renamed = [
        msgspec.structs.replace(row, features=dict(zip(features, row.features.values(), strict=True)))
        if list(row.features) == positions
        else row
        for row in rows
    ]
    return msgspec.structs.replace(event, inline=msgspec.Raw(msgspec.json.encode(renamed)))
