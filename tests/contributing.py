"""The worked examples of CONTRIBUTING.md, for the tests that execute them."""

import inspect
import re
from pathlib import Path
from typing import Any

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


def section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def example(heading: str) -> dict[str, Any]:
    """The first block of a section, executed as a module of its own."""
    module: dict[str, Any] = {"__name__": f"example: {heading}"}
    exec(compile(blocks(heading)[0], heading, "exec"), module)
    return module


def blocks(heading: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", section(heading), re.DOTALL)


async def passes_its_own_test(heading: str, module: dict[str, Any], *fixtures: object, **more: Any) -> None:
    """Run the test of the section's second block, with the names of the example and a few more, and these fixtures."""
    names = module | more
    exec(compile(blocks(heading)[1], f"the test of {heading}", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    given = test(*fixtures)
    if inspect.isawaitable(given):
        await given
