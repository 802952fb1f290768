"""The pages of docs/reference, written from the code. ``python -m tests.unit.docs.reference`` writes them anew."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.unit.docs.reference.alerts import alerts_page
from tests.unit.docs.reference.commands import commands_page
from tests.unit.docs.reference.endpoints import endpoints_page
from tests.unit.docs.reference.keys import keys_page
from tests.unit.docs.reference.metrics import metrics_page
from tests.unit.docs.reference.variables import variables_page

FOLDER = Path(__file__).parents[4] / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "keys.md": keys_page,
    "environment.md": variables_page,
    "endpoints.md": endpoints_page,
    "alerts.md": alerts_page,
    "metrics.md": metrics_page,
    "commands.md": commands_page,
}
"""By its name, what writes the page."""
