"""The retail story of ``tandem demo``, on real processes: bot, local Slack, forecast service, CPU hog."""

import asyncio
import signal
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bot.demo.story.alone import fourth_time
from bot.demo.story.audience import StoryBroke
from bot.demo.story.cast import cast, tail_of_log
from bot.demo.story.chapters import Chapter, data_changes, noisy_neighbour

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_story(auto: bool, out: Console) -> int:
    """Tell the story; returns the exit code, 0 only if every part ended as it should."""
    began = time.monotonic()
    ending = _cancelled_by_signals()
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        folder = Path(name)
        try:
            async with cast(folder) as (slack, stage):
                chapter = Chapter(slack, stage, auto, out)
                await noisy_neighbour(chapter)
                await data_changes(chapter)
                await fourth_time(chapter)
                out.print(f"The end, after {time.monotonic() - began:.0f} s.")
                if not auto:
                    out.print("Everything keeps running: look around, try /incident list. Ctrl-C ends it.")
                    await _until_interrupted()
        except StoryBroke as error:
            out.print(f"✗ {error}")
            out.print(tail_of_log(folder))
            return 1
        except asyncio.CancelledError:
            return 128 + (ending[0] if ending else signal.SIGINT)
    return 0


def _cancelled_by_signals() -> list[int]:
    """Cancel this task at the first signal to end, and keep which it was; later ones do not disturb the clearing up.

    asyncio does so for SIGINT alone, and not where that was ignored when the process began, as it is in the background
    of a script.
    """
    task, received = asyncio.current_task(), list[int]()
    assert task is not None

    def end(number: int) -> None:
        if not received:
            task.cancel()
        received.append(number)

    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    return received


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
