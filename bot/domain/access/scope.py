"""What a token of the API may do."""

from enum import StrEnum


class Scope(StrEnum):
    INCIDENTS_READ = "incidents:read"
    """Read incidents, runs, silences, services, the audit log and the stream of events."""
    INCIDENTS_WRITE = "incidents:write"
    """Open incidents, and do to them what people do."""
    SILENCES_WRITE = "silences:write"
    """Read, make and end silences."""
    RUNS_PROPOSE = "runs:propose"
    """Propose a run; only people approve one."""
    MODELS_READ = "models:read"
    """Read models, their monitors and their history."""


READS = frozenset({Scope.INCIDENTS_READ, Scope.MODELS_READ})
