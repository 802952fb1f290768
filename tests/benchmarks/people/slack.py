"""How soon incidents are in the right channel within the limits of Slack: a part of ``tests.benchmarks.people``."""

import asyncio
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from bot.localslack import LocalSlack
from tests.acceptance.harness import Tandem, alert

CHANNELS = 50
NEW_A_SECOND, CHANGES_A_SECOND = 2, 20
SECONDS = 60.0
_WARM, _SETTLE = 5.0, 10.0
_SERVICE = re.compile(r"svc-\d+")


def slack() -> Mapping[str, float]:
    """The real program and a local Slack that enforces the documented limits, each a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> Mapping[str, float]:
    async with workspace([f"team-{n}" for n in range(CHANNELS)]) as url, aiohttp.ClientSession() as session:
        tandem = Tandem(folder, Elsewhere(url), _config(), forked=False)  # type: ignore[arg-type]
        await tandem.start()
        try:
            load, began = Load(tandem), _processor_seconds(tandem)
            await load.run(_WARM + SECONDS)
            used = _processor_seconds(tandem) - began
            await asyncio.sleep(_SETTLE)
            async with session.get(f"{url}/_local/state") as answer:
                state = await answer.json()
            async with session.get(f"{url}/_local/calls") as answer:
                calls = await answer.json()
            async with session.get(f"{tandem.url}/metrics") as answer:
                metrics = await answer.text()
        finally:
            await tandem.kill()
    shown = load.figures(state["channels"])
    return {**shown, **_calls(calls), **_lags(metrics), "processor_percent": round(used / (_WARM + SECONDS) * 100)}


def _processor_seconds(tandem: Tandem) -> float:
    assert tandem.process is not None
    fields = Path(f"/proc/{tandem.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Elsewhere:
    """A local Slack in another process, as :class:`Tandem` knows one."""

    def __init__(self, url: str) -> None:
        self.api_url, self.request_url = f"{url}/api/", ""
        known = LocalSlack()
        self.bot_token, self.signing_secret = known.bot_token, known.signing_secret


class Load:
    """New incidents, each in a domain of its own, and changes of those that are there."""

    def __init__(self, tandem: Tandem) -> None:
        self._tandem, self._random = tandem, random.Random(16)
        self._sent: dict[str, float] = {}
        self._began = 0.0
        self._refused = 0

    async def run(self, seconds: float) -> None:
        self._began = time.time()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(1 / NEW_A_SECOND, seconds, self._opens))
            group.create_task(self._every(1 / CHANGES_A_SECOND, seconds, self._changes))

    async def _every(self, pause: float, seconds: float, act: Any) -> None:
        """At a pace that slow answers do not slow down."""
        async with asyncio.TaskGroup() as group:
            for n in range(int(seconds / pause)):
                await asyncio.sleep(max(self._began + n * pause - time.time(), 0.0))
                group.create_task(act())

    async def _opens(self) -> None:
        service = f"svc-{len(self._sent)}"
        self._sent[service] = time.time()
        self._refused += await self._tandem.deliver(self._alert(service)) != 202

    async def _changes(self) -> None:
        """Another instance of something fires, or is well again: a change that a person could see."""
        if self._sent:
            service = self._random.choice(list(self._sent))
            status = self._random.choice(["firing", "firing", "resolved"])
            self._refused += (
                await self._tandem.deliver(self._alert(service, status, self._random.randrange(1, 9))) != 202
            )

    def _alert(self, service: str, status: str = "firing", instance: int = 0) -> dict[str, Any]:
        number = int(service.removeprefix("svc-"))
        labels = {"cluster": f"c{number}", "team": _team(number), "instance": f"i{instance}"}
        return alert(status, service=service, **labels)

    def figures(self, channels: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        shown: dict[str, list[tuple[str, float]]] = {}
        for channel in channels:
            for message in channel["messages"]:
                for service in set(_SERVICE.findall(message["text"])):
                    shown.setdefault(service, []).append((channel["name"], float(message["ts"])))
        counted = {one: at for one, at in self._sent.items() if at >= self._began + _WARM}
        late = [min(at for _, at in shown[one]) - sent for one, sent in counted.items() if one in shown]
        right = {one: [_team(int(one.removeprefix("svc-")))] for one in counted}
        quantiles = statistics.quantiles(late, n=100)
        return {
            "incidents": len(counted),
            "deliveries_refused": self._refused,
            "not_shown": sum(one not in shown for one in counted),
            "not_in_the_right_channel_once": sum(
                [name for name, _ in shown.get(one, [])] != right[one] for one in counted
            ),
            "to_channel_seconds_p50": round(quantiles[49], 2),
            "to_channel_seconds_p99": round(quantiles[98], 2),
            "to_channel_seconds_most": round(max(late), 2),
        }


def _team(number: int) -> str:
    return f"team-{number * 7 % CHANNELS}"


def _config() -> Mapping[str, Any]:
    teams = [f"team-{n}" for n in range(CHANNELS)]
    return {
        "correlation": {"partition_by": ["cluster"]},
        "teams": {name: {} for name in teams},
        "routes": [{"match": [f"team={name}"], "channel": f"#{name}", "team": name} for name in teams],
    }


def _calls(calls: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    made = Counter(call["method"] for call in calls)
    return {
        "refused_with_429": sum(call["error"] == "ratelimited" for call in calls),
        "posts": made["chat.postMessage"],
        "edits": made["chat.update"],
    }


def _lags(metrics: str) -> dict[str, float]:
    found = re.findall(r'^tandem_slack_lag_seconds\{kind="(\w+)"\} (\S+)$', metrics, re.MULTILINE)
    return {f"lag_seconds_{kind}": round(float(value), 1) for kind, value in found}


@asynccontextmanager
async def workspace(channels: Sequence[str]) -> AsyncIterator[str]:
    """A local Slack in a process of its own; where its page is."""
    names = ",".join(["incidents", *channels])
    command = ("-m", "bot.localslack", "--port", "0", "--channels", names, "--limits")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().removeprefix("page: ").strip()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
