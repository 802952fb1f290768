"""The parts of the ensemble: their interface."""

from typing import Protocol

from detectors.anomaly.sample import Sample


class Part(Protocol):
    """A detector of one kind of anomaly. Its attributes are all its state: bounded and serialisable.

    There are as many as series, so they are small: numbers in arrays, and structs without cycles, which the collector
    need not look at (``gc=False``).
    """

    def update(self, sample: Sample) -> float:
        """The surprise in the sample: 0 where it is like what was seen, 1 just beyond, more the further beyond."""
        ...
