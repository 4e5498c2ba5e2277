"""What is known to be done before what: by it the stand-in finds memory that two streams use at once.

Each stream counts what it is asked, and has a clock: how far it, and every other stream, is known to be when its next
work begins. Events carry clocks from stream to stream, and to the host, on which all that is asked later depends.
`hazards` lists what on a card would now and then give wrong numbers.
"""

from __future__ import annotations

from typing import Any

Queue = tuple[int, int]
Clock = dict[Queue, int]

hazards: list[str] = []
# Streams that do not come to an end: what is recorded on them has not happened.
busy: set[int] = set()

_asked: Clock = {}
_clocks: dict[Queue, Clock] = {}
_host: Clock = {}
# Streams that wait for the default stream of their card, and it for them.
_blocking: dict[int, set[Queue]] = {}


def _merge(clock: Clock, other: Clock) -> None:
    for queue, count in other.items():
        if count > clock.get(queue, 0):
            clock[queue] = count


def queue_of(stream: Any, card: int) -> Queue:
    """Return a stream's name here; those that block belong to the default one."""
    queue = (card, stream.ptr)
    if stream.ptr and not getattr(stream, "is_non_blocking", True):
        _blocking.setdefault(card, set()).add(queue)
    return queue


def clock_of(queue: Queue) -> Clock:
    """Return what a stream's next work comes after."""
    clock = _clocks.setdefault(queue, {})
    _merge(clock, _host)
    if queue[1] == 0 or queue in _blocking.get(queue[0], ()):
        for other in ({(queue[0], 0)} if queue[1] else _blocking.get(queue[0], set())) - {queue}:
            _merge(clock, _clocks.get(other, {}))
    return clock


def ask(queue: Queue) -> None:
    """Note that a stream was asked something."""
    clock = clock_of(queue)
    _asked[queue] = clock[queue] = _asked.get(queue, 0) + 1


class Uses:
    """Who has made a piece of memory, and who has used it since."""

    __slots__ = ("made", "used")

    def __init__(self, queue: Queue) -> None:
        ask(queue)
        self.made = (queue, _asked[queue])
        self.used: Clock = {}

    def use(self, queue: Queue, what: str = "an array") -> None:
        """Note a use; the stream must be known to come after what made the memory."""
        ask(queue)
        maker, count = self.made
        if clock_of(queue).get(maker, 0) < count:
            hazards.append(f"{what} is used on stream {queue} and made on {maker}, which is not waited for")
        self.used[queue] = _asked[queue]

    def let_go(self) -> None:
        """Note that the memory serves again whoever allocates on the stream where it was made."""
        maker, _ = self.made
        clock = clock_of(maker)
        for queue, count in self.used.items():
            if clock.get(queue, 0) < count:
                hazards.append(f"memory of stream {maker} is let go while stream {queue} may use it")


def record(queue: Queue) -> Clock:
    """Return what an event that is recorded now comes after."""
    return dict(clock_of(queue))


def wait(queue: Queue, clock: Clock) -> None:
    """Let a stream's next work come after an event."""
    _merge(clock_of(queue), clock)


def tell_host(clock: Clock) -> None:
    """Let all that is asked from now on come after what the host knows to be done."""
    _merge(_host, clock)


def finish(card: int) -> None:
    """Let the host wait for all of a card's streams."""
    for queue in list(_clocks):
        if queue[0] == card:
            tell_host(_clocks[queue])
