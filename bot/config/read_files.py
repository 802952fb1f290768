"""What the files say that tandem.yaml names, and where it stands itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.enrichment import Step


@dataclass(frozen=True)
class ReadFiles:
    """``file`` is tandem.yaml; ``owners`` are the teams that own services, and ``steps`` add labels to alerts."""

    file: Path | None = field(default=None, compare=False)
    depends_on: Mapping[str, list[str]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
