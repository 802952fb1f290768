"""What people were asked to confirm: the same command again, soon, is the answer."""

from datetime import datetime, timedelta

WITHIN = timedelta(minutes=2)
_MOST = 1000


class Confirmations:
    """Which questions are open, by person. It is in memory: whoever is not remembered is asked once more."""

    def __init__(self) -> None:
        self._asked_at: dict[tuple[str, str], datetime] = {}

    def ask(self, user: str, deed: str, now: datetime) -> None:
        """Note that a person is asked whether a deed is meant."""
        if len(self._asked_at) >= _MOST:
            self._asked_at = {key: at for key, at in self._asked_at.items() if now - at <= WITHIN}
        if len(self._asked_at) < _MOST:
            self._asked_at[user, deed] = now

    def confirmed(self, user: str, deed: str, now: datetime) -> bool:
        """Whether the person was asked a moment ago and wants the same again. Each question is answered once."""
        asked_at = self._asked_at.pop((user, deed), None)
        return asked_at is not None and now - asked_at <= WITHIN
