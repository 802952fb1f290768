"""The third chapter: what people have approved often enough, Tandem does alone, until somebody stops it."""

from bot.demo.story.audience import Message, message_in, wait_until
from bot.demo.story.chapters import Chapter
from bot.demo.story.teams import ON_CALL, PEOPLE, PLATFORM


async def fourth_time(chapter: Chapter) -> None:
    """The pool starves again: Tandem announces, scales out, verifies and reports. Then somebody stops it."""
    slack, stage = chapter.slack, chapter.stage
    chapter.out.print("Chapter 3: the fourth time this week")
    chapter.tell("Three nights ago, two nights ago and just now: three times people approved the same, and it helped.")
    await wait_until(240, "the run of the first chapter has been verified", lambda: _verifies_nothing(chapter))
    await stage.scale_in()
    chapter.tell("The pool was made small again, and the batch job still takes its CPU …")
    await message_in(slack, PLATFORM, 120, "Tandem announces that it acts alone", _announces)
    chapter.tell(
        "Tandem: “Tandem runs this by itself …”, from which record, and a button that stops it. Nobody clicks."
    )
    await message_in(slack, PLATFORM, 240, "Tandem has scaled out alone, and verified it", _did_it_alone)
    after = await stage.stats()
    chapter.tell(
        f"Approved by tandem, verified: {after.workers} workers, p95 {after.p95_ms:.0f} ms, and nobody woke up."
    )
    await _stopped(chapter)


async def _stopped(chapter: Chapter) -> None:
    slack, user = chapter.slack, ON_CALL[PLATFORM]
    await chapter.stage.scale_in()
    message = await message_in(slack, PLATFORM, 120, "Tandem announces it once more", _announces)
    if chapter.auto:
        await slack.click(user, PLATFORM, message["ts"], "run.stop")
    else:
        chapter.tell(f"It starves once more. Your turn, as {PEOPLE[user]}: click Stop.")
    await message_in(slack, PLATFORM, 60 if chapter.auto else 3600, "the run is stopped", _is_stopped)
    chapter.tell(f"The fifth time @{PEOPLE[user]} knows better, and clicks Stop: nothing is run.")
    await slack.command(user, PLATFORM, "/incident", "autonomy")
    await wait_until(30, "the right to act alone is lost", lambda: _is_lost(chapter))
    chapter.tell("With that Tandem has lost the right to act alone, until people have approved it anew.")


async def _is_lost(chapter: Chapter) -> bool:
    said = str(chapter.slack.ephemerals(ON_CALL[PLATFORM]))
    return "scale-forecast-pool" in said and "not alone yet" in said and "lost by run" in said


def _announces(message: Message) -> bool:
    shown = str(message)
    return "Tandem runs this by itself" in shown and "run.stop" in shown


async def _verifies_nothing(chapter: Chapter) -> bool:
    return all("verifying · approved by" not in str(message) for message in chapter.slack.messages(PLATFORM))


def _did_it_alone(message: Message) -> bool:
    shown = str(message)
    return "succeeded · approved by tandem" in shown and "Verified: the alerts" in shown


def _is_stopped(message: Message) -> bool:
    shown = str(message)
    return "before it began: nothing was run" in shown and "run.stop" not in shown
