"""Which changes may have caused what an incident shows, by when they were made."""

from collections.abc import Mapping, Sequence

from detectors.rootcause.seen import Changed, Symptom

CHANGE_WITHIN = 1800.0
"""A change so many seconds before the first alert may be what broke it."""
DATA_CHANGE_WITHIN = 86_400.0
"""Likewise a change of data or of a model, where a model's data or its performance is what went wrong: that shows only
when enough rows or labels have come."""
LATER = 300.0
"""What began so many seconds after the first alert may be of another cause: a change since then may be it."""
_OF_MODELS = ("data", "model")


def is_near(change: Changed, began: tuple[float, float], of_models: bool) -> bool:
    """Whether a change was made shortly before the first alert, or with it.

    Parameters
    ----------
    change
        Of a service or of its data.
    began
        When the first alert began, at the earliest and at the latest.
    of_models
        Whether the alerts speak of a model or of data, which shows only hours later.

    Returns
    -------
    True where it may be what broke it.

    Examples
    --------
    >>> is_near(Changed("web", "deployed v3", at=10.0), (60.0, 60.0), of_models=False)
    True
    >>> is_near(Changed("web", "deployed v3", at=61.0), (60.0, 60.0), of_models=False)
    False
    """
    within = DATA_CHANGE_WITHIN if of_models and change.kind in _OF_MODELS else CHANGE_WITHIN
    earliest, latest = began
    return earliest - within <= change.at <= max(latest, earliest)


def later(
    changes: Sequence[Changed],
    own: Mapping[str, Sequence[Symptom]],
    above: Mapping[str, Sequence[str]],
    began: tuple[float, float],
) -> dict[str, Changed]:
    """The last change of each service that was made during the incident, where all of its alerts, or of what depends on
    it where it has none, began after that, and well after the incident.

    What began after such a change, at it or above it, is a part of the incident of its own: the change explains no
    more, and what fired before explains no part of that. A deploy comes minutes before what it breaks; one
    that only happened is as likely at any time of the half hour in which changes are looked for.

    Parameters
    ----------
    changes
        Of all services.
    own
        The alerts of each service.
    above
        The affected services that depend on each.
    began
        When the incident's first alert began, at the earliest and at the latest.

    Returns
    -------
    By service.

    Examples
    --------
    >>> own = {"mail": [Symptom("mail", "Slow", 1, 0.0)], "api": [Symptom("api", "Slow", 1, 900.0)]}
    >>> later([Changed("api", "deployed v3", 850.0)], own, {}, (0.0, 0.0))["api"].what
    'deployed v3'
    >>> later([Changed("mail", "deployed v3", 850.0)], own, {}, (0.0, 0.0))
    {}
    """
    found: dict[str, Changed] = {}
    for change in sorted(changes, key=lambda c: c.at):
        mine = own.get(change.service) or [one for name in above.get(change.service, ()) for one in own[name]]
        if not mine or not began[1] < change.at <= min(one.first_at + one.tolerance for one in mine):
            continue
        first = min(one.first_at for one in mine)
        if first - began[0] >= LATER and first - change.at <= CHANGE_WITHIN:
            found[change.service] = change
    return found
