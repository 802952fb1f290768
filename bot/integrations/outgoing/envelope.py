"""What happened as a CloudEvent in structured mode. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md

``sequence`` orders events: https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/sequence.md
"""

from datetime import datetime

import msgspec

from bot.domain.outgoing.event import OutgoingEvent, message_id, name_of
from bot.storage.queries.listed.feed import Happening


def event_for(receiver: str, happening: Happening, now: datetime) -> OutgoingEvent:
    name = name_of(happening.kind)
    data = {key: value for key, value in happening._asdict().items() if key not in ("position", "drill")}
    data |= {"drill": True} if happening.drill else {}
    body = {
        "specversion": "1.0",
        "id": message_id(happening.incident_id, happening.position),
        "source": "/tandem",
        "type": name,
        "subject": happening.incident_id,
        "time": happening.at,
        "datacontenttype": "application/json",
        "sequence": f"{happening.position:020}",
        "data": data,
    }
    return OutgoingEvent(
        receiver=receiver,
        position=happening.position,
        incident_id=happening.incident_id,
        name=name,
        body=msgspec.json.encode(body).decode(),
        began_at=now,
        next_at=now,
    )
