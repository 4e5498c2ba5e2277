"""Files in formats that plugins bring: `save` and `load` choose them by the suffix, and never leave half a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .errors import PluginError
from .failures import reason_of
from .tensor import Tensor


def save(obj: Any, path: str, serializer: Any, whose: str) -> None:
    """Save an object by a plugin's serializer, whole or not at all.

    Raises
    ------
    PluginError
        If the plugin fails; the text names it, and the cause is the plugin's own error.
    OSError
        If the file cannot be written.
    """
    from .serialization import write_whole

    def fill(temporary: str) -> None:
        try:
            serializer.save(obj, temporary)
        except OSError:
            raise
        except Exception as error:
            raise PluginError(f"save: {path}: {whose} cannot write it: {reason_of(error)}") from error

    # Some libraries add their suffix where a name has not got it.
    write_whole(path, fill, suffix=os.path.splitext(path)[1])


def load(path: str, serializer: Any, whose: str) -> Any:
    """Return what a plugin's serializer reads from a file.

    Raises
    ------
    PluginError
        If the plugin fails; the text names it, and the cause is the plugin's own error.
    OSError
        If the file cannot be read.
    """
    with open(path, "rb"):
        pass
    try:
        return serializer.load(path)
    except OSError:
        raise
    except Exception as error:
        raise PluginError(f"load: {path}: {whose} cannot read it: {reason_of(error)}") from error


def moved(state: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """Return a nested state with its tensors moved."""
    if isinstance(state, Tensor):
        return move(state)
    if isinstance(state, dict):
        return type(state)({key: moved(value, move) for key, value in state.items()})
    if type(state) in (list, tuple):
        return type(state)(moved(value, move) for value in state)
    return state
