"""What a user meets, from a second process over HTTP: a storm, one alert alone, the first message, a process at rest.

Each program begins with a new folder and default settings; rounds are taken in turn with Alertmanager, where it is
installed, and the medians count. DIR is not read.
"""

import asyncio
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, until
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.outside.programs import ALERTMANAGER, Program, alert, alertmanager, tandem

SENDERS = 20
SIZES = (1, 20)
"""Alerts a delivery."""
PATIENCE = 120.0
SETTLES = 3.0
"""What a storm leaves to be done is counted for so many seconds after its last alert."""

Figures = dict[str, float]


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--alerts", type=int, default=4000, help="in a storm (default: 4000)")
    parser.add_argument("--rounds", type=int, default=5, help="of storms (default: 5)")
    parser.add_argument("--probes", type=int, default=100, help="alerts that come one by one (default: 100)")
    parser.add_argument("--crowd", type=int, default=40_000, help="alerts that join one incident (default: 40000)")
    parser.add_argument("--seconds", type=float, default=60, help="an idle process is watched (default: 60)")
    names = list(_PARTS)
    parser.add_argument("--part", action="append", choices=names, help="may be given several times; default: all")
    options = parser.parse_args()
    require(options.data)
    found: dict[str, Any] = {"load_before": round(os.getloadavg()[0], 1)}
    for name in options.part or names:
        found[name] = asyncio.run(_PARTS[name](options))
        print(json.dumps({name: found[name]}), flush=True)
    found["load_after"] = round(os.getloadavg()[0], 1)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "outside.json").write_text(json.dumps(found, indent=1))
    report(found)


async def _storms(options: Any) -> dict[str, Figures]:
    """Alerts of 40 services in 8 clusters from twenty senders at once, by program and alerts a delivery."""
    rounds: dict[str, list[Figures]] = {}
    for _ in range(options.rounds):
        for begin in (tandem, alertmanager) if ALERTMANAGER else (tandem,):
            for size in SIZES:
                async with begin() as program:
                    await asyncio.sleep(SETTLES)  # what a start leaves to be done is no part of the storm
                    figures = await _storm(program, options.alerts, size)
                    rounds.setdefault(f"{program.name}_{size}", []).append(figures)
    return {name: _medians(each) for name, each in rounds.items()}


async def _storm(program: Program, count: int, size: int) -> Figures:
    alerts = [alert(n, f"c{n % 8}", f"s{n % 40}") for n in range(count)]
    bodies = [program.body(alerts[at : at + size]) for at in range(0, count, size)]
    cpu, began = program.cpu, time.perf_counter()
    await _sent(program, bodies)
    accepted = time.perf_counter() - began
    await program.drained()
    through = time.perf_counter() - began
    await asyncio.sleep(SETTLES)
    milliseconds = 1000 * (program.cpu - cpu) / count
    return {"accepted_per_s": count / accepted, "incidents_per_s": count / through, "cpu_ms": milliseconds}


async def _sent(program: Program, bodies: Sequence[bytes]) -> None:
    waiting = iter(bodies)

    async def sender() -> None:
        for body in waiting:
            await program.post(body)

    await asyncio.gather(*(sender() for _ in range(SENDERS)))


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}


async def _alone(options: Any) -> dict[str, Figures]:
    """Milliseconds from a delivery to its incident in the API, or to its group in Alertmanager's."""
    found = {}
    for begin in (tandem, alertmanager) if ALERTMANAGER else (tandem,):
        async with begin() as program:
            await asyncio.sleep(SETTLES)
            seconds = [await _probe(program, f"probe-{number}-") for number in range(options.probes)]
            found[program.name] = _percentiles(seconds)
    return found


async def _probe(program: Program, service: str) -> float:
    where = "/api/incidents?alerts=false&limit=5" if program.name == "tandem" else "/api/v2/alerts/groups"
    began = time.perf_counter()
    await program.deliver([alert(0, service, service)])
    while service.encode() not in await program.read(where):
        await asyncio.sleep(0.002)
    took = time.perf_counter() - began
    await asyncio.sleep(0.25)
    return took


def _percentiles(seconds: Sequence[float]) -> Figures:
    ordered = sorted(seconds)
    at = {name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in (("p50", 0.5), ("p99", 0.99))}
    return {
        **{f"{name}_ms": round(1000 * value, 1) for name, value in at.items()},
        "worst_ms": round(1000 * ordered[-1], 1),
    }


async def _first_message(options: Any) -> Figures:
    """Seconds from the first of 10,000 alerts, 20 a delivery, to its message in the local Slack."""
    async with LocalSlack() as slack:
        own = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": slack.bot_token}
        async with tandem(own | {"SLACK_SIGNING_SECRET": slack.signing_secret}) as program:
            await asyncio.sleep(SETTLES)
            alerts = [alert(n, f"c{n % 8}", f"s{n % 40}") for n in range(10_000)]
            bodies = [program.body(alerts[at : at + 20]) for at in range(0, len(alerts), 20)]
            began = time.perf_counter()
            sending = asyncio.create_task(_sent(program, bodies))

            async def shown() -> bool:
                return bool(slack.messages(CHANNEL))

            await until(shown, "the first message is shown", PATIENCE)
            first = time.perf_counter() - began
            await sending
            await program.drained()
            return {"first_message_s": round(first, 3), "all_in_incidents_s": round(time.perf_counter() - began, 3)}


async def _crowded(options: Any) -> Figures:
    """``/healthz`` while very many alerts join one incident."""
    async with tandem() as program:
        await asyncio.sleep(SETTLES)
        alerts = [alert(n, "c", "s") for n in range(options.crowd)]
        bodies = [program.body(alerts[at : at + 20]) for at in range(0, len(alerts), 20)]
        seconds: list[float] = []

        async def all_joined() -> None:
            await _sent(program, bodies)
            await program.drained()

        began = time.perf_counter()
        joining = asyncio.create_task(all_joined())
        while not joining.done():
            asked = time.perf_counter()
            await program.read("/healthz")
            seconds.append(time.perf_counter() - asked)
            await asyncio.sleep(0.02)
        await joining
        per_second = options.crowd / (time.perf_counter() - began)
        return {**_percentiles(seconds), "asked": len(seconds), "incidents_per_s": round(per_second)}


async def _at_rest(options: Any) -> dict[str, Figures]:
    """The processor time of a first start, and memory and processor time of a process with nothing to do."""
    found = {}
    for begin in (tandem, alertmanager) if ALERTMANAGER else (tandem,):
        async with begin() as program:
            start = program.cpu
            await asyncio.sleep(20)
            before = program.cpu
            await asyncio.sleep(options.seconds)
            share = 100 * (program.cpu - before) / options.seconds
            figures = {"start_cpu_s": start, "resident_mb": program.resident, "idle_percent_of_a_core": share}
            found[program.name] = {name: round(value, 2) for name, value in figures.items()}
    return found


_PARTS: dict[str, Callable[[Any], Coroutine[Any, Any, Any]]] = {
    "storm": _storms,
    "alone": _alone,
    "first_message": _first_message,
    "crowded": _crowded,
    "at_rest": _at_rest,
}

if __name__ == "__main__":
    main()
