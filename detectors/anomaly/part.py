"""What the ensemble is made of."""

from typing import Protocol

from detectors.anomaly.sample import Sample


class Part(Protocol):
    """A detector of one kind of anomaly. Its attributes are all its state: bounded and serialisable."""

    def update(self, sample: Sample) -> float:
        """The surprise in the sample: 0 where it is like what was seen, 1 just beyond, more the further beyond."""
        ...
