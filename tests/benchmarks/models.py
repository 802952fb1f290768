"""Models, in one run: labels joined, drift beside other tools, spans, and what else of models is measured by itself.

Each part is a command of its own and runs as one, the one after the other: ``labels`` (10,000,000 predictions),
``drift`` (the same streams given to Tandem, Evidently, NannyML, whylogs and alibi-detect, each in the environment that
has it: time, memory, found and false), ``traces`` (spans a second), and where they are there ``embeddings``, ``pull``
and ``canary``. ``--only`` names parts. A part that fails is said with its reason, and the others run all the same.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from tests.benchmarks.command import parser_for, report, require

PARTS = {
    "labels": "labels",
    "drift": "drift_compared",
    "traces": "traces",
    "embeddings": "embeddings",
    "pull": "pull",
    "canary": "canary",
}
_WITHOUT_DATA = ("pull",)
"""Parts that make all of theirs."""
_LIMIT_S = 3600
_MOST_REASON = 300


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="a part; may be given again")
    options = parser.parse_args()
    require(options.data)
    found, left_out = dict[str, Any](), dict[str, str]()
    for part in options.only or PARTS:
        module = f"tests.benchmarks.{PARTS[part]}"
        if find_spec(module) is None:
            left_out[part] = f"there is no {module}"
            continue
        print(f"{part} …", file=sys.stderr, flush=True)
        arguments = [] if part in _WITHOUT_DATA else ["--data", str(options.data)]
        if options.out and arguments:
            arguments += ["--out", str(options.out)]
        figures, why = run(module, arguments)
        if figures is None:
            left_out[part] = why
        else:
            found[part] = figures
    report({**found, "left_out": left_out})


def run(module: str, arguments: Sequence[str]) -> tuple[dict[str, Any] | None, str]:
    """The figures that a command reports, or why there are none."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return None, f"it took longer than {_LIMIT_S} s"
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        why = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        return None, f"exit {done.returncode}: {why[:_MOST_REASON]}"
    try:
        figures = json.loads(lines[-1])
    except ValueError:
        return None, f"its last line is no JSON: {lines[-1][:_MOST_REASON]}"
    return figures if isinstance(figures, dict) else {"figures": figures}, ""


if __name__ == "__main__":
    main()
