"""A load of telemetry on ``tandem run``, by the part: what one process holds, and the processor time it takes.

``points``: metrics by remote write, with how soon it alerts meanwhile; ``lines``: log lines by OTLP; ``rows``: a
model's predictions as Parquet, with a monitor of drift. Senders pause while more than about a second's work waits. A
look at ``/healthz`` every 20 ms says how long the event loop had other work. DIR is not read.
"""

import asyncio
import json
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.harness import TOKEN, running
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.telemetry import kinds, points
from tests.benchmarks.telemetry.held import Kind, hold

PARTS = ("points", "lines", "rows")


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--part", action="append", choices=PARTS, help="may be given several times; default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each load goes on (default: 60)")
    parser.add_argument("--series", type=int, default=10_000, help="how many series are watched (default: 10000)")
    options = parser.parse_args()
    require(options.data)
    figures = {part: asyncio.run(_measured(part, options)) for part in options.part or PARTS}
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "telemetry.json").write_text(json.dumps(figures, indent=1))
    report(figures)


async def _measured(part: str, options: Namespace) -> Mapping[str, Any]:
    match part:
        case "points":
            return await points.measure(options)
        case "lines":
            return await _held(kinds.LOGS, kinds.lines(), options.seconds)
        case _:
            return await _held(kinds.MODELS, kinds.rows(), options.seconds, kinds.reference())


async def _held(config: Mapping[str, Any], kind: Kind, seconds: float, reference: bytes = b"") -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tandem-telemetry-") as name:
        async with running(Path(name), config, forked=False) as tandem:
            if reference:
                headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind.content_type}
                url = f"{tandem.url}/models/{kinds.MODEL}/references/v1"
                async with aiohttp.ClientSession() as session, session.put(url, data=reference, headers=headers) as put:
                    put.raise_for_status()
            return await hold(tandem, kind, seconds)


if __name__ == "__main__":
    main()
