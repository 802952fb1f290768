"""When it began that a finding is about, as far as a window tells."""

from detectors.logs import Closed, Finding

MINUTE_MS = 60_000


def began(finding: Finding, at: int, closed: Closed | None) -> int:
    """When the first line came that a finding of the window ``closed``, that ended ``at``, is about; of what stopped,
    when the last one did. In milliseconds since 1970."""
    if finding.kind == "stopped":
        return at - int(finding.observed * 1000)
    if closed is None or closed.at != at:
        return at - MINUTE_MS
    about = closed.errors if finding.kind == "burst" else [finding.template or 0]
    return min((closed.first[one] for one in about if one in closed.first), default=at - MINUTE_MS)
