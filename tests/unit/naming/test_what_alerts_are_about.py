"""What an alert is about, with an empty configuration."""

from collections.abc import Mapping

import pytest

from bot.domain.rules import CorrelationRules
from tests.unit.naming.label_sets import EXPORTERS, NODES, OBJECTS, PLAIN, PROBES, TARGETS

Case = tuple[str, Mapping[str, str], str]


@pytest.mark.parametrize("case", [*OBJECTS, *NODES, *EXPORTERS, *PROBES, *TARGETS, *PLAIN])
def test_an_alert_is_about_what_its_labels_name_and_not_about_what_reports_it(case: Case) -> None:
    name, labels, service = case
    found = CorrelationRules().about({"alertname": name, **labels}, frozenset())
    assert found.service == service, found.why
