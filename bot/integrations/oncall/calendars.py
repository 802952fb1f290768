"""Calendars by address: fetched with bounds, and read in a process of its own, which may be ended.

A recurrence can be written in a line that takes for ever to work out, and a file that is read in the bot's process
would hold up everything else.
"""

import asyncio
import os
import sys
from datetime import datetime
from urllib.parse import urlsplit

import aiohttp
import msgspec

from bot.domain.oncall.shift import Shift
from bot.integrations.http import TIMEOUT, ToolFailure, ToolRefused

MOST_BYTES = 4 * 2**20
READ_WITHIN = 30.0
_MOST_REDIRECTS = 4
_READER = """
import json, resource, sys
from datetime import datetime
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from bot.domain.oncall.calendar import read_calendar
zone, begins, ends = sys.argv[1:]
try:
    shifts = read_calendar(sys.stdin.buffer.read(), zone, *map(datetime.fromisoformat, (begins, ends)))
    json.dump({"shifts": shifts}, sys.stdout)
except Exception as error:
    json.dump({"error": f"{type(error).__name__}: {error}"[:200]}, sys.stdout)
"""


class _Answer(msgspec.Struct, frozen=True):
    shifts: list[Shift] = []
    error: str = ""


async def fetch_calendar(session: aiohttp.ClientSession, url: str) -> bytes:
    """Raises ToolFailure, ToolRefused; their words hold nothing of the address but its host, as it may be secret."""
    url = f"https{url.removeprefix('webcal')}" if url.startswith("webcal:") else url
    host = urlsplit(url).hostname
    try:
        async with session.get(url, timeout=TIMEOUT, max_redirects=_MOST_REDIRECTS) as response:
            if response.status != 200:
                kind = ToolFailure if response.status >= 500 or response.status in (408, 429) else None
                why = f"{host} answers with status {response.status}"
                raise kind(why) if kind else ToolRefused(why, response.status)
            body = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise ToolRefused(f"{host} sends more than {MOST_BYTES // 2**20} MiB", response.status)
            return bytes(body)
    except TimeoutError as error:
        raise ToolFailure(f"{host} does not answer") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ToolFailure(f"{host} cannot be reached: {type(error).__name__}") from None


async def read_shifts(content: bytes, zone: str, begins: datetime, ends: datetime) -> list[Shift]:
    """What a calendar says of a span of time. Raises ToolRefused for what is none, or takes too long to work out."""
    if b"BEGIN:VCALENDAR" not in content[:4096].upper():
        raise ToolRefused("it is no iCalendar file", 200)
    paths = os.pathsep.join(path for path in sys.path if path)
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _READER, zone, begins.isoformat(), ends.isoformat()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": paths, "PATH": os.environ.get("PATH", "")},
    )
    try:
        async with asyncio.timeout(READ_WITHIN):
            output, _ = await reader.communicate(content)
    except TimeoutError as error:
        raise ToolRefused(
            f"it takes longer than {READ_WITHIN:.0f} s to work out: a recurrence without bound?", 200
        ) from error
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    return _shifts_in(output)


def _shifts_in(output: bytes) -> list[Shift]:
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except msgspec.DecodeError as error:
        raise ToolRefused("it needs too much time or memory to work out: a recurrence without bound?", 200) from error
    if answer.error:
        raise ToolRefused(f"it cannot be read: {answer.error}", 200)
    return answer.shifts
