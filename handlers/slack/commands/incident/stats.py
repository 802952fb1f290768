"""``/incident stats 30d by team``"""

import re
from datetime import UTC, datetime, timedelta

from bot.domain.duration import format_duration, parse_duration
from bot.domain.review.statistics import Figures, Life, by_name, figures_of
from bot.errors import Refused
from bot.notify.slack.render_details import render_list
from bot.notify.slack.text import literal
from bot.storage.queries.listed.statistics import MOST, lives_since
from handlers.slack.calls import Call
from handlers.slack.registry import command
from handlers.slack.reply import Reply

_SPAN = timedelta(days=30)
_LONGEST = timedelta(days=366)
_LISTED = 20
_TYPED = re.compile(r"(?P<span>\d+ ?[a-z]+)?(?: ?\bby (?P<by>service|team)s?)?")


@command(
    "stats",
    args="30d",
    help="how fast people were, what helped and what was noise in the last 30 days",
    more={"30d by team": "the same for each team", "30d by service": "the same for each service"},
    place=11,
)
async def stats(call: Call) -> Reply:
    span, by = _wanted(call)
    async with call.database.read() as connection:
        lives = await lives_since(connection, call.now - span)
    if not lives:
        return Reply(f"No incident began in the last {format_duration(span)}.")
    zone = datetime.now().astimezone().tzinfo or UTC
    lines = [f"*All* · {_in_words(figures_of(lives, zone))}"]
    found = by_name(lives, lambda life: _names(call, life, by), zone) if by else {}
    lines += [f"*{literal(name, 100)}* · {_in_words(one)}" for name, one in list(found.items())[:_LISTED]]
    notes = [f"… and {len(found) - _LISTED} more: see the API"] if len(found) > _LISTED else []
    notes += [f"Of the latest {MOST:,} incidents only."] if len(lives) == MOST else []
    made = render_list([(f"The last {format_duration(span)}" + (f", by {by}" if by else ""), lines)], notes)
    return Reply(made.text, made.blocks)


def _wanted(call: Call) -> tuple[timedelta, str]:
    typed = _TYPED.fullmatch(" ".join(call.text.lower().split()))
    try:
        span = parse_duration(typed["span"].replace(" ", "")) if typed and typed["span"] else _SPAN
    except ValueError:
        typed = None
    if typed is None or not timedelta(0) < span <= _LONGEST:
        raise Refused("Say of how long, up to 366d: `/incident stats 30d`, `/incident stats 30d by team`.")
    return span, typed["by"] or ""


def _names(call: Call, life: Life, by: str) -> list[str]:
    return life.services if by == "service" else call.endpoint.policy.teams.of_incident(life.team, life.services)


def _in_words(figures: Figures) -> str:
    parts = [
        f"{figures.incidents} incident{'' if figures.incidents == 1 else 's'}",
        f"MTTA {format_duration(figures.mtta) if figures.mtta is not None else '–'}",
        f"MTTR {format_duration(figures.mttr) if figures.mttr is not None else '–'}",
        f"{figures.reopened} reopened",
        f"{figures.verified} verified by itself",
        f"{figures.noise} noise",
        f"{figures.nights} night{'' if figures.nights == 1 else 's'} disturbed",
    ]
    return " · ".join(parts)
