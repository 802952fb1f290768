"""The chapters: what happens on stage, what Tandem is to show of it and to whom, and who does something about it."""

import asyncio
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from bot.demo.features import DATASET, MODEL
from bot.demo.stage import START_SECONDS, Stage, Stats
from bot.demo.story.audience import Message, expect_messages, mentioned, message_in, wait_until
from bot.demo.story.past import DAYS_AGO
from bot.demo.story.teams import FORECASTING, ON_CALL, PEOPLE, PLATFORM
from bot.localslack import LocalSlack

CALM_SECONDS = 4
EARLIER = len(DAYS_AGO)
"""Incidents of the platform team earlier in the week."""


@dataclass(frozen=True)
class Chapter:
    """What every chapter needs. With ``auto`` it clicks for itself."""

    slack: LocalSlack
    stage: Stage
    auto: bool
    out: Console

    def tell(self, line: str) -> None:
        self.out.print(f"  {line}")


async def noisy_neighbour(chapter: Chapter) -> None:
    """A noisy neighbour starves the model's workers; the platform team scales the pool out, the other one looks on."""
    slack, stage = chapter.slack, chapter.stage
    chapter.out.print("Chapter 1: the noisy neighbour")
    chapter.tell(f"Two teams in a local Slack, #{PLATFORM} and #{FORECASTING}: {slack.url}")
    if not chapter.auto:
        webbrowser.open(slack.url)
    before = await _calm(stage)
    chapter.tell(f"The demand-forecast model answers in {before.p95_ms:.0f} ms (p95), accuracy {before.accuracy:.0%}.")
    await stage.start_hog()
    chapter.tell("A batch job takes the CPU of the forecast pool …")
    message = await message_in(slack, PLATFORM, 120, "one incident is shown, with an offer", _offers_help)
    worst = await stage.stats()
    chapter.tell(f"… and it shows: p95 {worst.p95_ms:.0f} ms, accuracy {worst.accuracy:.0%}.")
    await _reaches(chapter, message, PLATFORM)
    await message_in(slack, FORECASTING, 30, "the other team sees it, too", _offers_help)
    chapter.tell(f"#{FORECASTING} sees the same incident, as it concerns their model; nobody is called there.")
    message = await _approve(chapter, message, PLATFORM)
    after = await stage.stats()
    chapter.tell(f"The pool has {after.workers} workers now; p95 {after.p95_ms:.0f} ms, accuracy {after.accuracy:.0%}.")
    chapter.tell(f"Tandem: {message['text']}")
    await message_in(slack, FORECASTING, 30, "the other team sees that it is over", says_fixed)
    _expect(chapter, 1, 1)


async def data_changes(chapter: Chapter) -> None:
    """The data drifts after a change of its pipeline; scaling is no help, rolling the pipeline back is."""
    slack, stage = chapter.slack, chapter.stage
    chapter.out.print("Chapter 2: the data that changed")
    await stage.start_features("2026-w46")
    chapter.tell(f"{MODEL} reads {DATASET}; what it was trained on is its reference 2026-w46.")
    await asyncio.sleep(CALM_SECONDS)
    _expect(chapter, 1, 1)
    await stage.release_bad_features()
    chapter.tell(f"A new release of {DATASET} tells the temperature in another unit …")
    message = await message_in(
        slack, FORECASTING, 120, "an incident names the feature and the change", _names_the_change
    )
    await _reaches(chapter, message, FORECASTING)
    message = await _approve(chapter, message, FORECASTING)
    chapter.tell(f"Tandem: {message['text']}")
    _expect(chapter, 1, 2)
    chapter.tell(f"#{PLATFORM} slept through it.")


async def _reaches(chapter: Chapter, message: Message, team: str) -> None:
    chapter.tell(f"Tandem in #{team}: {message['text']}")
    user = ON_CALL[team]
    await mentioned(chapter.slack, team, message, user)
    chapter.tell(f"@{PEOPLE[user]} is on call for {team}, and is mentioned.")


async def _approve(chapter: Chapter, message: Message, team: str) -> Message:
    """Own it and approve, or wait for a person who does; returns the message once the run succeeded."""
    user = ON_CALL[team]
    if chapter.auto:
        await chapter.slack.click(user, team, message["ts"], "incident.ack")
        owned = _is(message, lambda shown: f"acknowledged by <@{user}>" in shown)
        await message_in(chapter.slack, team, 30, f"{user} owns it", owned)
        await chapter.slack.click(user, team, message["ts"], "run.approve")
        chapter.tell(f"@{PEOPLE[user]} takes it and approves.")
    else:
        name = PEOPLE[user]
        chapter.tell(f"Your turn, in #{team} as {name}, who is on call: click Acknowledge, to own it, and Approve.")
    patience = 240 if chapter.auto else 3600  # longer than a verification may take
    fixed = _is(message, lambda shown: says_fixed({"shown": shown}))
    return await message_in(chapter.slack, team, patience, "the run succeeds and the incident resolves", fixed)


def _expect(chapter: Chapter, platform: int, forecasting: int) -> None:
    expect_messages(chapter.slack, PLATFORM, EARLIER + platform)
    expect_messages(chapter.slack, FORECASTING, forecasting)


async def _calm(stage: Stage) -> Stats:
    """Wait until the service has been measured at rest."""
    latest = await stage.stats()

    async def settled() -> bool:
        nonlocal latest
        latest = await stage.stats()
        return latest.p95_ms > 0

    await wait_until(START_SECONDS, "the forecast service answers", settled)
    return latest


def _offers_help(message: Message) -> bool:
    shown = str(message)
    return "run.approve" in shown and "Resource contention" in shown and "DemandForecastAccuracyDrop" in shown


def _names_the_change(message: Message) -> bool:
    shown = str(message)
    return all(part in shown for part in ("run.approve", "temperature", f"{DATASET} v2")) and "Scale out" not in shown


def says_fixed(message: Message) -> bool:
    shown = str(message)
    return "succeeded" in shown and "resolved" in shown and "run.approve" not in shown


def _is(message: Message, holds: Callable[[str], bool]) -> Callable[[Message], bool]:
    """Whether it is this message, and shows that."""
    return lambda shown: shown["ts"] == message["ts"] and holds(str(shown))
