"""Hooks around an optimizer's step."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentTypeError

if TYPE_CHECKING:
    from .optimizer import Optimizer


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return `step` with the optimizer's step hooks around it; a `step` called by another one runs none."""

    @wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._inside_step:
            return step(self, *args, **kwargs)
        self._inside_step = True
        try:
            for hook in tuple(self._step_pre_hooks.values()):
                result = hook(self, args, kwargs)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise ArgumentTypeError(
                            f"{type(self).__name__}.step: a pre-hook returned {type(result).__name__}; it returns None "
                            "or a pair (args, kwargs)"
                        )
                    args, kwargs = result
            out = step(self, *args, **kwargs)
            for hook in tuple(self._step_post_hooks.values()):
                hook(self, args, kwargs)
        finally:
            self._inside_step = False
        self.stepped = True
        return out

    return wrapper
