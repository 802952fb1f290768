"""The evidence of a group: the surprises of its series together, compared with their usual level."""

import msgspec

from detectors.groups.tail import Tail

WINDOW = 60.0
LATEST = 15


class Window(msgspec.Struct, array_like=True):
    """The rarest surprise of each series in a minute, and their sum.

    Parameters
    ----------
    total
        The sum of the rarities.
    series
        The rarest surprise of each series, by name.

    Examples
    --------
    >>> Window(total=0.25, series={"a": 0.25}).total
    0.25
    """

    total: float = 0.0
    series: dict[str, float] = {}


class Evidence(msgspec.Struct, array_like=True):
    """Adds up how rare the surprises of all series within a minute are, and knows which sum is rare for the group.

    The sum, being as many times the mean, merges evidence of any dependence (Vovk and Wang, "E-values: calibration,
    combination and applications", Annals of Statistics 2021): series that move together surprise together, and their
    sum is then usual, because the sums of earlier minutes are what it is compared with (:class:`Tail`). One series far
    beyond its past exceeds the threshold alone; many that are a little beyond do together.

    Series may come a quarter of an hour after each other: so many minutes are open. What is later still is left out.

    Parameters
    ----------
    tail
        Which sums are rare for the group.
    newest
        The latest minute since the epoch.
    windows
        The open minutes.

    Examples
    --------
    >>> evidence, day = Evidence(), 86_400.0
    >>> evidence.begin(0.0)
    >>> evidence.add("a", day, 0.25, day), evidence.add("b", day + 1, 0.5, day), evidence.add("b", day + 2, 0.3, day)
    (0.25, 0.75, 0.75)
    >>> evidence.exceeds(day + 2, day), evidence.surprised(day + 2)
    (True, {'a': 0.25, 'b': 0.5})

    References
    ----------
    Vovk and Wang: E-values: calibration, combination and applications. Annals of Statistics 49, 2021.
    """

    tail: Tail = msgspec.field(default_factory=Tail)
    newest: int = 0
    windows: dict[int, Window] = {}

    def begin(self, at: float) -> None:
        """Say when the group began to be judged, in seconds since the epoch."""
        if self.tail.began is None:
            self.tail.began = at

    def add(self, series: str, at: float, rarity: float, span: float, goes_on: bool = False) -> float:
        """Note how rare a series' surprise is; returns the sum of its minute.

        ``goes_on`` says that this is part of an event that was told: however long it takes, it is one peak.
        """
        minute = int(at // WINDOW)
        if minute > self.newest:
            self.newest = minute
            self._close(span, goes_on)
        elif minute <= self.newest - LATEST:
            return 0.0
        window = self.windows.setdefault(minute, Window())
        before = window.series.get(series, 0.0)
        if rarity > before:
            window.series[series] = rarity
            window.total += rarity - before
        return window.total

    def exceeds(self, at: float, span: float) -> bool:
        """Whether the minute is rarer than what chance brings once in ``span`` seconds."""
        window = self.windows.get(int(at // WINDOW))
        return window is not None and window.total > self.tail.threshold(at, span)

    def surprised(self, at: float) -> dict[str, float]:
        """The series that surprise in the minute, and how rarely they do so."""
        window = self.windows.get(int(at // WINDOW))
        return window.series if window else {}

    def explain(self) -> None:
        """The event that goes on had a reason that is known: it says nothing of what comes by chance."""
        self.windows = {}
        self.tail.peaks = self.tail.peaks[:-1]

    def _close(self, span: float, goes_on: bool) -> None:
        for minute in sorted(minute for minute in self.windows if minute <= self.newest - LATEST):
            self.tail.add(self.windows.pop(minute).total, minute * WINDOW, span, goes_on)
