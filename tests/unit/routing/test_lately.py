"""What alerts share is asked of a large incident only now and then, and a change of anything else is taken at once."""

from datetime import UTC, datetime

import msgspec

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.severity import Severity
from bot.routing.lately import KEPT, LatelyShared
from bot.storage.queries.routing import Shared

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INCIDENT = Incident(
    id="i",
    number=1,
    domain="",
    partition=0,
    status=IncidentStatus.TRIGGERED,
    severity=Severity.HIGH,
    opened_at=NOON,
    active_at=NOON,
    changed_at=NOON,
)


def test_an_incident_is_settled_for_a_while_unless_more_than_its_alerts_changed() -> None:
    now = 0.0
    lately = LatelyShared(lambda: now)
    shared = Shared({"team": "shop"}, ["grafana"])
    assert lately.shared(INCIDENT) is None
    assert lately.note(INCIDENT, shared) == shared
    worse = msgspec.structs.replace(INCIDENT, severity=Severity.CRITICAL, version=2)
    assert lately.settled(msgspec.structs.replace(INCIDENT, version=2))
    assert not lately.settled(worse)
    now += KEPT / 2
    assert lately.note(worse, None) == shared, "it is decided by what its alerts shared a moment ago"
    now += KEPT / 2
    assert not lately.settled(worse), "and asked anew when it would have been"
    assert lately.shared(worse) is None
    assert lately.note(worse, None) == Shared({}, [])
