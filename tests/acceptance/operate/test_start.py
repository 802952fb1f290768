"""A start costs little beyond what the libraries cost, and says little."""

import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
from pathlib import Path

_LIBRARIES = "import sqlalchemy, aiohttp, pydantic, dbos, slack_bolt, numpy"
_OPTIONAL = [
    "alembic",
    "cryptography",
    "fsspec",
    "matplotlib",
    "mlflow",
    "nats",
    "numpy",
    "opentelemetry.sdk",
    "pyarrow",
    "scipy",
    "sklearn",
    "uvloop",
]
_LOADED = re.compile("/(numpy|pyarrow|scipy|cryptography)/")
"""Libraries that a Tandem with alerts alone runs without, by where their code is mapped from: 60 MB of them."""
_MOST_BEYOND = 2.4
"""Of the libraries' own cost: 1.4 is the aim, 1.9 to 2.25 is measured; most of it are our own 370 modules."""


def _cpu(*arguments: str) -> float:
    """Seconds of CPU, user's and system's, of a fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((sys.executable, *arguments), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_help_and_the_bot_cost_little_beside_their_libraries() -> None:
    """One after the other three times over, so that whatever else the machine does slows all of them down."""
    commands = [("-c", _LIBRARIES), ("-c", "import bot.app"), ("-m", "bot.cli", "--help")]
    rounds = [[_cpu(*command) for command in commands] for _ in range(3)]
    libraries, bot, help_page = (statistics.median(costs) for costs in zip(*rounds, strict=True))
    assert help_page <= 0.3 * libraries
    assert bot <= _MOST_BEYOND * libraries


def test_what_only_some_need_is_not_imported_with_the_bot() -> None:
    program = f"import sys, bot.app; print([name for name in {_OPTIONAL} if name in sys.modules])"
    found = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_run_in_a_new_folder_logs_a_few_lines_and_loads_nothing_that_nobody_asked_for(tmp_path: Path) -> None:
    settings = {
        "SLACK_BOT_TOKEN": "xoxb-not-a-token",
        "SLACK_SIGNING_SECRET": "not-a-secret",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    kept = {name: value for name, value in os.environ.items() if not re.match("SLACK_|TANDEM_|OTEL_", name)}
    program = subprocess.Popen(
        (sys.executable, "-m", "bot.cli", "run", "--port", "0"),
        cwd=tmp_path,
        env=kept | settings,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines, loaded = [], set[str]()
    try:
        assert program.stderr is not None
        for line in program.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == "tandem.ready":
                loaded = set(_LOADED.findall(Path(f"/proc/{program.pid}/maps").read_text()))
                program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 0
    finally:
        program.kill()
        program.wait()
    assert len(lines) <= 10, lines
    assert [line for line in lines if "logger" in line] == []
    assert loaded == set()
