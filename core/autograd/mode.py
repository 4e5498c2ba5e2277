"""Grad modes: whether operations record what backward needs.

The mode is a ContextVar: a plain global would let one thread's backward switch another's recording off. Its value is
False, or while operations are recorded what `recording` holds: True, or the record of anomaly mode.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

grad_mode: ContextVar[Any] = ContextVar("candelabra_grad_mode", default=True)
recording: ContextVar[Any] = ContextVar("candelabra_recording", default=True)
# While backward runs, arrays of transformations that have ended may still be computed with.
walking_back: ContextVar[bool] = ContextVar("candelabra_walking_back", default=False)
inference: ContextVar[bool] = ContextVar("candelabra_inference_mode", default=False)


class _Mode:
    """A grad mode as context manager and decorator."""

    _value: bool = True

    def __init__(self) -> None:
        self._previous: list[Any] = []

    def __enter__(self) -> None:
        self._previous.append(grad_mode.get())
        self._set()

    def _set(self) -> None:
        grad_mode.set(recording.get() if self._value else False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        grad_mode.set(self._previous.pop())

    def __call__(self, function: F) -> F:
        if not callable(function):
            raise TypeError(f"{type(self).__name__} decorates a function, got {function!r}")

        if inspect.isgeneratorfunction(function):
            return self._generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A generator runs in the mode, and its consumer between its steps does not."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            resume, argument = generator.send, None
            while True:
                try:
                    with self._again():
                        value = resume(argument)
                except StopIteration as end:
                    return end.value
                try:
                    resume, argument = generator.send, (yield value)
                except GeneratorExit:
                    with self._again():
                        generator.close()
                    raise
                except BaseException as error:
                    resume, argument = generator.throw, error

        return wrapper

    def _again(self) -> _Mode:
        return type(self)()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # `@no_grad` without parentheses is accepted, as PyTorch accepts it.
        if args and callable(args[0]) and not isinstance(args[0], bool):
            return cls()(args[0])
        return super().__new__(cls)


class no_grad(_Mode):
    """Context manager and decorator in which nothing is recorded for backward.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.ones(2, requires_grad=True)
    >>> with cb.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _value = False


class enable_grad(_Mode):
    """Context manager and decorator in which operations are recorded again.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.ones(2, requires_grad=True)
    >>> with cb.no_grad(), cb.enable_grad():
    ...     (x * 2).requires_grad
    True
    """


class set_grad_enabled(_Mode):
    """Switch recording on or off: at once as a function, or for a block as a context manager.

    Parameters
    ----------
    mode : bool
        Whether operations are recorded.

    Examples
    --------
    >>> import candelabra as cb
    >>> with cb.set_grad_enabled(False):
    ...     cb.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._value = bool(mode)
        self._entry = grad_mode.get()
        self._set()

    def __enter__(self) -> None:
        self._previous.append(self._entry)
        self._set()

    def __call__(self, function: F) -> F:
        grad_mode.set(self._entry)
        return super().__call__(function)

    def _again(self) -> _Mode:
        return set_grad_enabled(self._value)


class inference_mode(_Mode):
    """Context manager and decorator for inference: nothing is recorded, and results never require a gradient.

    Parameters
    ----------
    mode : bool
        False leaves the surrounding mode as it is.

    Examples
    --------
    >>> import candelabra as cb
    >>> with cb.inference_mode():
    ...     cb.is_inference_mode_enabled()
    True
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode
        self._inference: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(grad_mode.get())
        self._inference.append(inference.get())
        inference.set(self._mode)
        grad_mode.set(False if self._mode else recording.get())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inference.set(self._inference.pop())
        super().__exit__(kind, error, trace)

    def _again(self) -> _Mode:
        return inference_mode(self._mode)


def is_grad_enabled() -> bool:
    """Return whether operations are recorded for backward."""
    return bool(grad_mode.get())


def is_inference_mode_enabled() -> bool:
    """Return whether inference mode is on."""
    return inference.get()
