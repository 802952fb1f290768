"""The form in which the report of an incident is written before it is posted."""

from typing import Any

from bot.domain.incident import Incident
from bot.domain.review.texts import MOST_TEXT, Texts
from bot.errors import Refused
from bot.incidents.reports.markdown import load
from bot.incidents.reports.texts import write
from bot.notify.slack.sharing.reports import share_report
from bot.notify.slack.text import link
from bot.storage.queries import incidents
from handlers.slack.calls import Deed, OpenForm, Submission
from handlers.slack.forms.elements import choice, field_of, modal, plain
from handlers.slack.registry import form
from handlers.slack.reply import Later

CALLBACK_ID = "incident.report"
SUMMARY, IMPACT, LESSONS, THEN = "summary", "impact", "lessons", "then"
POST, KEEP = "post", "keep"
_FIELDS = (
    (SUMMARY, "Summary", "What happened, and what ended it"),
    (IMPACT, "Impact", "Who was affected, how, and for how long"),
    (LESSONS, "Lessons", "What went well, what did not, and what is to be done by whom"),
)


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str | Later:
    """What was written is kept at once; the files follow when the form is closed, as they take longer than it waits."""
    values = submission.values
    texts = Texts(values.get(SUMMARY, ""), values.get(IMPACT, ""), values.get(LESSONS, ""))
    number = await _kept(submission, texts)
    if values.get(THEN) == KEEP:
        return f"The report of incident #{number} is kept: `/incident report {number}` posts it."
    return Later(f"The report of incident #{number} is kept, and posted now.", lambda: _posted(submission))


async def _kept(submission: Submission, texts: Texts) -> int:
    """Unchanged texts are posted again, and not written again."""
    async with submission.database.read() as connection:
        incident = await incidents.by_id(connection, submission.about)
        before = (await load(connection, incident, submission.now)).texts if incident else None
    if incident and before and before.edited_by and _same(before, texts):
        return incident.number
    return (await write(submission.database, submission.about, texts, submission.who, submission.now)).number


def _same(before: Texts, texts: Texts) -> bool:
    return (before.summary, before.impact, before.lessons) == (texts.summary, texts.impact, texts.lessons)


async def _posted(submission: Submission) -> str:
    async with submission.database.read() as connection:
        incident = await incidents.by_id(connection, submission.about)
    if incident is None:
        raise Refused("This incident is not known here.")
    return await post_report(submission, incident, "")


async def post_report(deed: Deed, incident: Incident, channel: str) -> str:
    """Bring it into the incident's thread, or into ``channel`` where it has none; returns where it is."""
    if deed.endpoint.files is None:
        raise Refused(f"There is no Slack to put a file into: GET /api/incidents/{incident.number}/report.md has it.")
    places = await share_report(deed.database, deed.endpoint.files, incident, deed.now, channel)
    urls = await deed.endpoint.links.of(places) if deed.endpoint.links and places else {}
    where = link(urls.get(incident.id, ""), "its thread") or ("its thread" if places else "this channel")
    return f"The report of incident #{incident.number} is in {where}: a Markdown file, to be edited or put in a wiki."


async def open_report(deed: Deed, incident: Incident, metadata: str) -> OpenForm:
    """The form with what was written so far, or with what is proposed."""
    async with deed.database.read() as connection:
        texts = (await load(connection, incident, deed.now)).texts
    return OpenForm(report_view(metadata, incident, texts))


def report_view(metadata: str, incident: Incident, texts: Texts) -> dict[str, Any]:
    fields = [_text(name, label, hint, getattr(texts, name)) for name, label, hint in _FIELDS]
    then = choice(THEN, "Then", [(POST, "post it into the thread"), (KEEP, "only keep it")], first=True)
    return modal(CALLBACK_ID, metadata, f"Report of #{incident.number}"[:24], "Save", [*fields, then])


def _text(name: str, label: str, hint: str, filled_in: str) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "action_id": "value", "multiline": True}
    element |= {"placeholder": plain(hint), "max_length": MOST_TEXT}
    element |= {"initial_value": filled_in[:MOST_TEXT]} if filled_in else {}
    return {**field_of(name, label, element), "optional": True}
