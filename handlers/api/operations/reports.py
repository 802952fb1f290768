"""What people write of an incident for its report; ``report.md`` beside it is the whole report."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bot.domain.access.scope import Scope
from bot.domain.review.texts import MOST_TEXT, Texts
from bot.incidents.reports.markdown import load
from bot.incidents.reports.texts import write
from handlers.api.found import incident_in, incident_of
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, operation

Text = Annotated[str, Meta(max_length=MOST_TEXT)]


class ReportTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    summary: Text | UnsetType = UNSET
    impact: Text | UnsetType = UNSET
    lessons: Text | UnsetType = UNSET


class ReportShape(msgspec.Struct, frozen=True):
    """``edited_by`` is null while the texts are those that Tandem proposes."""

    summary: str
    impact: str
    lessons: str
    edited_by: str | None
    edited_at: datetime | None


@operation(
    "GET",
    "/api/incidents/{id}/report",
    Scope.INCIDENTS_READ,
    summary="The parts of its report that people write, or what is proposed to them",
    answer=ReportShape,
)
async def read_report(call: Call[NoQuery, NoBody]) -> Answer:
    return Answer(_shape(await _texts(call)))


@operation(
    "PUT",
    "/api/incidents/{id}/report",
    Scope.INCIDENTS_WRITE,
    summary="Write parts of its report",
    body=ReportTexts,
    example={"impact": "Carts were slow for 12 minutes.", "lessons": "- alert on the queue"},
    answer=ReportShape,
    conflicts="It says exactly that already",
)
async def write_report(call: Call[NoQuery, ReportTexts]) -> Answer:
    given = {name: text for name, text in msgspec.structs.asdict(call.body).items() if text is not UNSET}
    if not given:
        raise Invalid("Write at least one of summary, impact and lessons.")
    incident = await incident_of(call)
    texts = msgspec.structs.replace(await _texts(call), **given)
    await write(call.database, incident.id, texts, call.who, call.now)
    return Answer(_shape(await _texts(call)))


async def _texts(call: Call[NoQuery, NoBody] | Call[NoQuery, ReportTexts]) -> Texts:
    async with call.database.read() as connection:
        incident = await incident_in(connection, call, call.path["id"])
        return (await load(connection, incident, call.now)).texts


def _shape(texts: Texts) -> ReportShape:
    return ReportShape(texts.summary, texts.impact, texts.lessons, texts.edited_by or None, texts.edited_at)
