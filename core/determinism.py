"""Whether operations must give the same bits in every run, on devices whose fastest ways do not."""

from __future__ import annotations

from .errors import ArgumentError, ArgumentTypeError

_MODES = ("default", "warn", "error")

_mode = 0


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Let operations give the same bits in every run, in all threads, where that costs time.

    Sums whose terms go to places that indices name (`index_add`, `scatter_add`, the gradients of `take`, `gather` and
    `embedding`) are made by atomic additions on a card, in an order that nobody knows; they are then made in the order
    of the indices, sorted. The gradient of `attention` takes two passes there instead of one. Every operation has such
    a way, so that none warns or raises as some do in PyTorch. On the CPU the same bits come in any case.

    Parameters
    ----------
    mode : bool
        Whether they must.
    warn_only : bool
        Accepted as PyTorch has it.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.use_deterministic_algorithms(True)
    >>> cb.are_deterministic_algorithms_enabled()
    True
    >>> cb.use_deterministic_algorithms(False)
    """
    global _mode
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"use_deterministic_algorithms: {name} is True or False, not {value!r}")
    _mode = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Return whether operations must give the same bits in every run."""
    return _mode > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Return whether `use_deterministic_algorithms` was told to warn only."""
    return _mode == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Call `use_deterministic_algorithms` by PyTorch's other name: 0 or "default", 1 or "warn", 2 or "error"."""
    if isinstance(debug_mode, bool) or debug_mode not in (*_MODES, *range(len(_MODES))):
        raise ArgumentError(
            f"set_deterministic_debug_mode: 0 or 'default', 1 or 'warn', 2 or 'error' is needed, got {debug_mode!r}"
        )
    number = _MODES.index(debug_mode) if isinstance(debug_mode, str) else debug_mode
    use_deterministic_algorithms(number > 0, warn_only=number == 1)


def get_deterministic_debug_mode() -> int:
    """Return 0 where operations need not give the same bits in every run, 2 where they must, 1 with `warn_only`."""
    return _mode
