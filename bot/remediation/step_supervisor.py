"""A program of its own that performs one command step, apart from the bot: it has none of the bot's secrets.

On standard input it takes the job, one line of JSON; on standard output it writes the result, one line, and closes it.
Standard input is held open by the bot alone: when that ends, however it ends, so do the step and all that it started.
It needs nothing but the standard library, so that Python starts it at once.

It becomes the parent of every orphan among its descendants (``PR_SET_CHILD_SUBREAPER`` of prctl(2)): a child that left
the session is found and ended, too. Only a daemon that is left when the step's program has ended by
itself lives on. Where there is no /proc, what is ended is the program's session.
"""

import base64
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_AFTER_END = 2.0
"""For so long what a program has left running may still add to the output."""
_GRACE = 2.0
"""For so long what is asked to end may take to do so."""
_ROUNDS = 200

Job = dict[str, Any]


class Tail:
    """The beginning and the end of an output, in bounded memory."""

    def __init__(self, size: int) -> None:
        self.size, self.head, self.tail, self.left_out = size, b"", b"", 0

    def add(self, chunk: bytes) -> None:
        room = self.size - len(self.head)
        self.head += chunk[:room]
        rest = self.tail + chunk[room:]
        self.tail = rest[-self.size :]
        self.left_out += len(rest) - len(self.tail)


class Step:
    """A program that runs, what it says, and how it ends."""

    def __init__(self, job: Job) -> None:
        self.output, inner = os.pipe()
        self.woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.received = Tail(job["most"])
        self.code: int | None = None
        self.open = True
        try:
            self.program = subprocess.Popen(  # forgotten, it would reap the process by itself
                job["argv"],
                stdin=subprocess.DEVNULL,
                stdout=inner,
                stderr=inner,
                env=job["env"],
                cwd=job["cwd"],
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - there is one thread
            )
        finally:
            os.close(inner)

    def look(self, seconds: float) -> bool:
        """Wait until something happens. False where the bot has ended."""
        waiting = [0, self.woken, *([self.output] if self.open else [])]
        ready, _, _ = select.select(waiting, [], [], max(0.0, seconds))
        if self.woken in ready:
            os.read(self.woken, 512)
        if self.output in ready:
            chunk = os.read(self.output, 65536)
            self.open = bool(chunk)
            self.received.add(chunk)
        self.reap()
        return not (0 in ready and not os.read(0, 512))

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.program.pid:
                self.code = self.program.returncode = os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        """Ask all that runs to end, then make it."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while (self.code is None or descendants()) and time.monotonic() < deadline:
            if not self.look(0.05):
                break
        self.kill()

    def kill(self) -> None:
        for _ in range(_ROUNDS):
            self.signal(signal.SIGKILL)
            self.reap()
            if self.code is not None and not descendants():
                return
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        below = descendants()
        for pid in below:
            _send(os.kill, pid, number)
        if not below and self.code is None:
            _send(os.killpg, self.program.pid, number)


def _send(how: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        how(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def descendants() -> list[int]:
    """All processes below this one that have not ended."""
    children: dict[int, list[int]] = {}
    for pid in _processes():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib takes long to import
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append(pid)
    found, queue = [], [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _processes() -> list[int]:
    try:
        with os.scandir("/proc") as entries:
            return [int(entry.name) for entry in entries if entry.name.isdecimal()]
    except FileNotFoundError:
        return []


def _end_with_parent() -> None:
    """Where this supervisor itself is killed, the kernel ends the program."""
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return


def supervise(step: Step, timeout: float) -> str:
    """Wait for the program's end; says why where it did not end by itself."""
    deadline = time.monotonic() + timeout
    while step.code is None:
        left = deadline - time.monotonic()
        if left <= 0:
            step.end()
            return f"ended: it took longer than {timeout:g} s"
        if not step.look(left):
            step.kill()
            sys.exit(1)
    deadline = time.monotonic() + _AFTER_END
    while step.open and time.monotonic() < deadline:
        if not step.look(deadline - time.monotonic()):
            step.kill()
            sys.exit(1)
    return ""


def main() -> None:
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return
    job = json.loads(line)
    _prctl(_SET_CHILD_SUBREAPER, 1)
    try:
        step = Step(job)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        _answer({"refused": str(error)})
        return
    why = supervise(step, job["timeout"])
    received = step.received
    _answer(
        {
            "code": step.code,
            "why": why,
            "head": base64.b64encode(received.head).decode(),
            "tail": base64.b64encode(received.tail).decode(),
            "left_out": received.left_out,
        }
    )
    if step.open and not why:
        _drain(step.output, job["lock"])


def _answer(result: Job) -> None:
    data = json.dumps(result).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _drain(output: int, lock: int | None) -> None:
    """A daemon that kept the output open must not be ended by writing into it: read on, and hold nothing else."""
    if os.fork():
        return
    for number in (0, 1, *([lock] if lock is not None else [])):
        os.close(number)
    while os.read(output, 65536):
        pass


if __name__ == "__main__":
    main()
