"""Broadcast: short messages to the other parts of this process and to the other replicas.

A message is a topic and, where the topic has one, a subject: ``changed``, ``work 3``. Replicas of two releases run side
by side during an upgrade: the topics stay as they are, and one that nobody here subscribed to is ignored.
"""

from collections import defaultdict
from collections.abc import Callable

CHANGED = "changed"
"""Something was stored that another part may have to act on. Without a subject."""
WORK = "work"
"""The inbox has new entries; the subject is their partition."""
LEASES = "leases"
"""This replica took or lost leases. Only within the process, without a subject."""


def _nobody(_message: str) -> None:
    """There are no other replicas."""


class Broadcast:
    """``send`` passes a message to the other replicas, soon."""

    def __init__(self, send: Callable[[str], None] = _nobody) -> None:
        self._send = send
        self._subscribers: dict[str, list[Callable[[str], None]]] = defaultdict(list)
        self._kept: dict[str, int] = {}

    def subscribe(self, topic: str, callback: Callable[[str], None]) -> None:
        """Call back with the subject of each message on a topic, from here or from another replica."""
        self._subscribers[topic].append(callback)

    def keep(self) -> None:
        """Those who have subscribed until now stay: see :meth:`forget`."""
        self._kept = {topic: len(callbacks) for topic, callbacks in self._subscribers.items()}

    def forget(self) -> None:
        """Forget who subscribed after those who stay: others take their place."""
        for topic, callbacks in self._subscribers.items():
            del callbacks[self._kept.get(topic, 0) :]

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever something was changed, here or elsewhere."""
        self.subscribe(CHANGED, lambda _subject: callback())

    def publish_change(self) -> None:
        """Something was changed: every part here and on the other replicas looks at once."""
        self.deliver(CHANGED)
        self.send(CHANGED)

    def send(self, topic: str, subject: str = "") -> None:
        """To the other replicas only."""
        self._send(f"{topic} {subject}".rstrip())

    def deliver(self, topic: str, subject: str = "") -> None:
        """To the subscribers in this process only."""
        for callback in self._subscribers.get(topic, ()):
            callback(subject)

    def receive(self, message: str) -> None:
        """A message of another replica."""
        topic, _, subject = message.partition(" ")
        if topic != LEASES:
            self.deliver(topic, subject)
