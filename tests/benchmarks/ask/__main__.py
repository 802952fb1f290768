"""Reads of the API, streams and pages beside 500 alerts a second, with many incidents stored; and how soon a question
in a thread is answered without a language model.

Everything from outside: the real program, over HTTP, on a new database with default settings.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.localslack import LocalSlack
from tests.benchmarks.ask.program import CONFIG, Program, delivery, running
from tests.benchmarks.command import report

ALERTS_EACH = 10
RATE = 500
"""Alerts a second, one a delivery."""
READERS = 4
STREAMS = 500
PERSON, CHANNEL = "U0ONCALL", "C0INCIDENTS"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=10_000, help="how many are stored, with ten alerts each")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each part is measured")
    parser.add_argument("--out", type=Path, help="a folder for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-ask-") as name:
        figures = asyncio.run(_measure(Path(name), options.incidents, options.seconds))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "ask.json").write_text(json.dumps(figures, indent=1))
    report(figures)


async def _measure(folder: Path, stored: int, seconds: float) -> dict[str, Any]:
    async with running(folder, {"SLACK_BOT_TOKEN": ""}) as program:
        filled = await _timed(_fill(program, stored))
        print(f"{stored} incidents with {stored * ALERTS_EACH} alerts in {filled:.0f} s", flush=True)
        alone = await _intake(program, "alone", seconds)
        beside, reads, events = await asyncio.gather(
            _intake(program, "beside", seconds), _reads(program, stored, seconds), _events(program, seconds)
        )
        figures = {
            "intake_alone": alone,
            "intake_beside": beside,
            "intake_ratio": round(beside / alone, 3),
            **reads,
            **events,
        }
        figures |= await _pages(program) | await _streams(program)
    return figures | {"first_answer_s": await _first_answer(folder / "thread")}


async def _timed(work: Awaitable[None]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _fill(program: Program, stored: int) -> None:
    room = asyncio.Semaphore(20)

    async def send(number: int) -> None:
        async with room:
            while await program.deliver(delivery(f"c{number}", "shop", range(ALERTS_EACH))) == 429:
                await asyncio.sleep(1)

    await asyncio.gather(*map(send, range(stored)))
    await program.drained()


async def _intake(program: Program, name: str, seconds: float) -> float:
    """Alerts a second that were accepted and worked through, where 500 a second are sent."""
    began, sending = time.perf_counter(), set[asyncio.Task[int]]()
    count = int(seconds * RATE)
    for number in range(count):
        body = delivery(f"{name}-{number % 8}", f"s{number % 40}", range(number, number + 1))
        sending.add(asyncio.create_task(program.deliver(body)))
        await asyncio.sleep(max(0.0, began + (number + 1) / RATE - time.perf_counter()))
    statuses = await asyncio.gather(*sending)
    await program.drained()
    return round(statuses.count(202) / (time.perf_counter() - began), 1)


async def _reads(program: Program, stored: int, seconds: float) -> dict[str, float]:
    kinds = {
        "list": lambda turn: "/api/incidents?limit=50&alerts=false",
        "incident": lambda turn: f"/api/incidents/{1 + turn * 7919 % stored}",
        "list_with_alerts": lambda turn: "/api/incidents?limit=50",
    }
    found: dict[str, float] = {}
    for name, path in kinds.items():
        times = await _read_for(program, path, seconds / len(kinds))
        found |= {f"{name}_per_s": round(len(times) / (seconds / len(kinds)), 1), f"{name}_p99_ms": _p99(times)}
    return found


async def _read_for(program: Program, path: Callable[[int], str], seconds: float) -> list[float]:
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def reader(number: int) -> None:
        turn = number
        while time.perf_counter() < until:
            began = time.perf_counter()
            await program.read(path(turn))
            times.append(time.perf_counter() - began)
            turn += READERS

    await asyncio.gather(*map(reader, range(READERS)))
    return times


async def _events(program: Program, seconds: float) -> dict[str, float]:
    """How long after it happened a stream has an event."""
    late: list[float] = []
    until = time.perf_counter() + seconds
    async with program.session.get(f"{program.url}/api/events") as stream:
        while (left := until - time.perf_counter()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    line = await stream.content.readline()
                    if line.startswith(b"data: "):
                        at = datetime.fromisoformat(json.loads(line[6:])["at"])
                        late.append((datetime.now(UTC) - at).total_seconds())
    return {"events_per_s": round(len(late) / seconds, 1), "event_p99_ms": _p99(late)}


async def _pages(program: Program) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, path in {"overview": "/", "report": "/incidents/1/report"}.items():
        times, size = [], 0
        for _ in range(10):
            began = time.perf_counter()
            size = len(await program.read(path))
            times.append(time.perf_counter() - began)
        found |= {
            f"page_{name}_kb": round(size / 1000, 1),
            f"page_{name}_ms": round(statistics.median(times) * 1000, 1),
        }
    return found


async def _streams(program: Program) -> dict[str, float]:
    """Memory of a stream that nobody reads."""
    before = program.memory
    opened = [await program.session.get(f"{program.url}/api/events") for _ in range(STREAMS)]
    for number in range(50):
        await program.deliver(delivery("streamed", f"s{number}", range(1)))
    await program.drained()
    await asyncio.sleep(2)
    each = (program.memory - before) / STREAMS / 1000
    for one in opened:
        one.close()
    return {"stream_kb": round(each, 1)}


async def _first_answer(folder: Path) -> float:
    """Seconds from a question in the thread to its answer."""
    folder.mkdir()
    async with LocalSlack(users={PERSON: "ada"}) as slack:
        more = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": slack.bot_token}
        more |= {"SLACK_SIGNING_SECRET": slack.signing_secret}
        async with running(folder, more, {**CONFIG, "slack": {"channel": "#incidents"}}) as program:
            slack.request_url = f"{program.url}/slack/events"
            await program.deliver(delivery("eu", "checkout", range(3)))
            thread = str((await _first(lambda: slack.messages(CHANNEL)))["ts"])
            times = [await _answered(slack, thread, text) for text in ("what changed?", "why do you think so?")]
    return round(max(times), 2)


async def _answered(slack: LocalSlack, thread: str, text: str) -> float:
    def answers() -> list[dict[str, Any]]:
        return [one for one in slack.replies(CHANNEL, thread) if one.get("bot_id")]

    known = len(answers())
    began = time.perf_counter()
    await slack.post(PERSON, CHANNEL, f"@tandem {text}", thread)
    await _first(lambda: answers()[known:])
    return time.perf_counter() - began


async def _first(found: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not (seen := found()):
        if time.monotonic() > deadline:
            raise RuntimeError("nothing came for a minute")
        await asyncio.sleep(0.01)
    return seen[0]


def _p99(times: list[float]) -> float:
    return round(sorted(times)[int(len(times) * 0.99)] * 1000, 1) if times else 0.0


if __name__ == "__main__":
    main()
