"""``python -m tests.benchmarks.people [PART …]``: each part is a function that returns its figures."""

import argparse
import json
from collections.abc import Callable, Mapping

from tests.benchmarks.command import report
from tests.benchmarks.people.company import company
from tests.benchmarks.people.escalations import lateness
from tests.benchmarks.people.routes import routes
from tests.benchmarks.people.slack import slack

PARTS: Mapping[str, Callable[[], Mapping[str, float]]] = {
    "routes": routes,
    "escalations": lateness,
    "slack": slack,
    "company": company,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}: known are {', '.join(PARTS)}")
    figures = {name: PARTS[name]() for name in chosen}
    for name, found in figures.items():
        print(name, json.dumps(found))
    report({f"{name}_{key}": value for name, found in figures.items() for key, value in found.items()})


main()
