"""What causes are ranked from: alerts of one kind on one service, and changes of services."""

from typing import NamedTuple


class Symptom(NamedTuple):
    """Alerts of one kind on one service. ``first_at`` is in seconds, and by so many it may have been later in truth.

    Parameters
    ----------
    service
        Where it shows.
    name
        Of the alerts.
    alerts
        How many.
    first_at
        Seconds since the epoch.
    tolerance
        Seconds: what sees only that something happened within a minute cannot tell when.
    observed
        It is no alert: it was looked up where the service runs, as that its containers ran out of memory.

    Examples
    --------
    >>> Symptom("web", "Slow", alerts=2, first_at=10.0).alerts
    2
    """

    service: str
    name: str
    alerts: int
    first_at: float
    tolerance: float = 0.0
    observed: bool = False


class Changed(NamedTuple):
    """A change of a service, as people would say it: ``deployed v3``. ``at`` is in seconds.

    ``kind`` is ``data`` or ``model`` where it was one of these that was changed.

    Parameters
    ----------
    service
        What was changed.
    what
        In words.
    at
        Seconds since the epoch.
    kind
        data, model or empty.

    Examples
    --------
    >>> Changed("web", "deployed v3", at=10.0).what
    'deployed v3'
    """

    service: str
    what: str
    at: float
    kind: str = ""
