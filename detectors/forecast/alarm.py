"""Alarm: when a forecast is sure enough to say so, and when it no longer is."""

import msgspec

SURE = 0.8
"""So probable must a crossing be, in two looks in a row."""
UNSURE = 0.4
"""It is over when it has been less probable than this in so many looks in a row:"""
LOOKS = 3
_CONFIRMED = 2


class Alarm(msgspec.Struct, array_like=True, gc=False):
    """Looks at a forecast at each step. It takes less to go on than to begin, so what is at the edge does not flap.

    Parameters
    ----------
    sure
        The probability from which it begins.
    unsure
        The one below which it ends.
    fires
        Whether it goes on.
    looks
        How many looks in a row spoke for the other.

    Examples
    --------
    >>> alarm = Alarm()
    >>> [alarm.look(one) for one in (0.1, 0.9, 0.9, 0.5, 0.2, 0.1, 0.1)]
    [False, False, True, True, True, True, False]
    """

    sure: float = SURE
    unsure: float = UNSURE
    fires: bool = False
    looks: int = 0

    def look(self, probability: float) -> bool:
        """Whether it fires, now that a crossing within the horizon is so probable; 1 where the limit is crossed."""
        other = probability < self.unsure if self.fires else probability >= self.sure
        self.looks = self.looks + 1 if other else 0
        if self.looks >= (LOOKS if self.fires else _CONFIRMED):
            self.fires, self.looks = not self.fires, 0
        return self.fires
