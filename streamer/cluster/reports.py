"""What workers say of themselves, and what is known of them: plain values that travel."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Report:
    """
    How a worker does.

    ``sessions``: ids of all in its list; ``running``: how many of them have not ended; ``share``: how much of the time
    its model looks, 0 to 1, by what looks took of late.
    """

    sessions: set[str]
    running: int
    share: float
    ready: bool


@dataclass(frozen=True, slots=True)
class Seat:
    """
    A worker as front doors know it. ``address`` is where it answers HTTP, such as http://10.0.0.5:41234.

    ``gone``: it was there, and is not now.
    """

    name: str
    address: str
    ready: bool = False
    running: int = 0
    share: float = 0.0
    draining: bool = False
    gone: bool = False

    def with_one_more(self) -> Seat:
        """The same with one more session, until it says so itself."""
        return replace(self, running=self.running + 1)

    @property
    def load(self) -> tuple[float, int]:
        """What it does, to be compared: in tenths of the device's time, then in sessions."""
        return round(self.share, 1), self.running


@dataclass(frozen=True, slots=True)
class Door:
    """A front door: the address that it says it is open at, and its machine's name."""

    address: str
    machine: str
