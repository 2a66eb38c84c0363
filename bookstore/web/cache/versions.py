"""What is out of date, counted in changes and not in time: the catalogue counts each change, here
at once and on the other replicas within a second."""

from collections.abc import Iterable


class Versions:
    """When each thing that pages show last changed, by tag ("catalogue", "book 12")."""

    def __init__(self) -> None:
        self.now = 0
        self.floor = 0
        self._last: dict[str, int] = {}

    def of(self, tags: Iterable[str]) -> int:
        """Return the number of the last change to what any of the tags stands for."""
        return max((self._last.get(tag, 0) for tag in tags), default=0)

    def changed(self, *tags: str) -> None:
        """Say that what these tags stand for has changed: pages begun before are out of date."""
        self.now += 1
        for tag in tags:
            self._last[tag] = self.now

    def everything_changed(self) -> None:
        """Say that every page kept so far is out of date."""
        self.now += 1
        self.floor = self.now
        self._last.clear()
