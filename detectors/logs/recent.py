"""What is known of each template, of a bounded number of templates."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

Known = TypeVar("Known")


class Recent(dict[int, Known], Generic[Known]):
    """By template. Above ``most`` the one least recently seen is forgotten.

    Parameters
    ----------
    most
        Templates that are kept.

    Examples
    --------
    >>> recent: Recent[str] = Recent(most=1)
    >>> recent.put(1, "a")
    >>> recent.put(2, "b")
    >>> recent
    {2: 'b'}
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def put(self, template: int, known: Known, seen: bool = True) -> None:
        if seen:
            self.pop(template, None)
        self[template] = known
        if len(self) > self._most:
            del self[next(iter(self))]

    def follow(self, became: Mapping[int, int], join: Callable[[Known, Known], Known]) -> None:
        """Give what was known of templates that became others to those."""
        for old in [old for old in self if old in became]:
            known, new = self.pop(old), became[old]
            while new in became:
                new = became[new]
            self[new] = join(self[new], known) if new in self else known
