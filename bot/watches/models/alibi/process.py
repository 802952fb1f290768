"""alibi-detect as an engine: a worker process that is started when it is first needed, and again when it dies."""

import asyncio
import io
import json
import os
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from bot.errors import TandemError
from bot.watches.models.alibi.missing import HOW_TO_INSTALL, PYTHON
from detectors.drift.packing import Array

_WORKER = Path(__file__).with_name("worker.py")
_MOST_BYTES = 2**30
_TRIES = 2

log = structlog.get_logger(__name__)


class EngineUnavailable(TandemError):
    """alibi-detect is not there, or failed; the message says what to do."""


class Alibi:
    """The engine. One request at a time; a worker that dies in the middle is replaced and asked again, once."""

    def __init__(self, python: str | None = None, timeout: float = 300.0) -> None:
        self._python = python or os.environ.get(PYTHON) or sys.executable
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def run(
        self, job: Mapping[str, Any], arrays: Mapping[str, Array], timeout: float | None = None
    ) -> dict[str, Any]:
        """The worker's answer, for which it has ``timeout`` seconds, or as many as usual. Raises EngineUnavailable."""
        packed = await asyncio.to_thread(_packed, job, arrays)
        async with self._turn:
            for attempt in range(1, _TRIES + 1):
                try:
                    async with asyncio.timeout(timeout or self._timeout):
                        return await self._run(packed)
                except (OSError, EOFError, TimeoutError) as error:
                    log.warning("alibi.worker_lost", attempt=attempt, reason=repr(error))
                    await self._stop()
                except BaseException:
                    await self._stop()
                    raise
        raise EngineUnavailable("the alibi-detect worker died or did not answer, twice; the check was not made")

    async def close(self) -> None:
        async with self._turn:
            await self._stop()

    @property
    def pid(self) -> int | None:
        """The worker's, while there is one."""
        return self._process.pid if self._process else None

    async def _run(self, packed: bytes) -> dict[str, Any]:
        process = await self._running()
        assert process.stdin is not None
        process.stdin.write(struct.pack(">I", len(packed)) + packed)
        await process.stdin.drain()
        answer = await _answer(process)
        if "error" in answer:
            raise EngineUnavailable(f"alibi-detect failed: {answer['error']}")
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        pipe = asyncio.subprocess.PIPE
        environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
        self._process = await asyncio.create_subprocess_exec(
            self._python, str(_WORKER), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env=environment
        )
        answer = await _answer(self._process)
        if "ready" not in answer:
            await self._stop()
            raise EngineUnavailable(HOW_TO_INSTALL)
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS", "SYSTEMROOT", "VIRTUAL_ENV")
"""What the worker's environment keeps: no secret of ours is its business."""


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    (length,) = struct.unpack(">I", await process.stdout.readexactly(4))
    return dict(json.loads(await process.stdout.readexactly(length)))


def _packed(job: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    whole = json.dumps(job).encode() + b"\n" + packed.getvalue()
    if len(whole) > _MOST_BYTES:
        raise EngineUnavailable("the window and the reference are too large for alibi-detect")
    return whole
