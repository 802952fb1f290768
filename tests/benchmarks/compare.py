"""What river, statsmodels and drain3 make of the same rows and lines, in an interpreter that has them.

The project does not depend on them. TANDEM_COMPARE_PYTHON names the interpreter; where it is not set, they are left
out, and that is said.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

VARIABLE = "TANDEM_COMPARE_PYTHON"
METRICS = ("river HalfSpaceTrees", "statsmodels ExponentialSmoothing")
LOGS = ("drain3",)
_PROGRAM = Path(__file__).with_name("compare_others.py")


def ask(task: str, given: Any) -> Any | None:
    """What a task makes of its input, and the CPU seconds it took; None where no interpreter is named."""
    python = os.environ.get(VARIABLE)
    if not python:
        print(f"{task} is left out: {VARIABLE} names no interpreter that has it")
        return None
    command = [python, str(_PROGRAM), task]
    done = subprocess.run(command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)
