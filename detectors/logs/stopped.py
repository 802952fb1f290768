"""A template that used to come regularly and comes no more."""

from typing import Any, NamedTuple

from detectors.logs.recent import Recent
from detectors.logs.window import Finding, Window


class Habit(NamedTuple):
    """When a template was last seen, in how many windows, its longest pause (s), and whether its end was told.

    Parameters
    ----------
    last_at
        Seconds since the epoch.
    windows
        With the template.
    longest
        Seconds.
    reported
        Whether its end was a finding already.

    Examples
    --------
    >>> Habit(last_at=60.0).windows
    1
    """

    last_at: float
    windows: int = 1
    longest: float = 0.0
    reported: bool = False

    def seen(self, at: float) -> "Habit":
        return Habit(at, self.windows + 1, max(self.longest, at - self.last_at))


class Stopped:
    """Finds, once, a silence several times as long as any that the template has kept before.

    Parameters
    ----------
    times
        How many times its longest pause a silence must last.
    learning
        Windows with the template before it is judged.
    most
        Templates known at a time; the least recently seen is forgotten.

    Examples
    --------
    >>> stopped = Stopped(learning=3)
    >>> for minute in range(5):
    ...     found = stopped.update(Window(60.0 * minute, 60.0, {7: 1}))
    >>> [stopped.update(Window(60.0 * minute, 60.0, {})) for minute in (5, 6, 7)]
    [[], [], []]
    >>> stopped.update(Window(480.0, 60.0, {}))
    [Finding(kind='stopped', template=7, score=0.75, observed=240.0, expected=60.0)]
    """

    def __init__(self, times: float = 3.0, learning: int = 30, most: int = 2000) -> None:
        self._times = times
        self._learning = learning
        self._habits: Recent[Habit] = Recent(most)

    def update(self, window: Window) -> list[Finding]:
        self._habits.follow(window.became, max)
        for template in window.lines:
            habit = self._habits.get(template)
            self._habits.put(template, habit.seen(window.at) if habit else Habit(window.at))
        return [
            self._report(template, window.at - habit.last_at, habit)
            for template, habit in list(self._habits.items())
            if self._is_over(habit, window.at)
        ]

    def shortest_pause(self) -> float:
        """The shortest of the longest pauses of what came regularly up to the last line; 0 where nothing did."""
        habits = [one for one in self._habits.values() if one.windows >= self._learning and one.longest > 0]
        last = max((one.last_at for one in self._habits.values()), default=0.0)
        return min((one.longest for one in habits if last - one.last_at <= self._times * one.longest), default=0.0)

    def _is_over(self, habit: Habit, at: float) -> bool:
        return (
            not habit.reported
            and habit.windows >= self._learning
            and at - habit.last_at > self._times * habit.longest > 0
        )

    def _report(self, template: int, silence: float, habit: Habit) -> Finding:
        self._habits[template] = habit._replace(reported=True)
        return Finding("stopped", template, 1 - habit.longest / silence, silence, habit.longest)

    def state(self) -> dict[str, Any]:
        return {"habits": [[template, *habit] for template, habit in self._habits.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        for template, *habit in state["habits"]:
            self._habits.put(template, Habit(*habit))
