"""Making a module without drawing its initial values."""

from __future__ import annotations

import inspect
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError
from .. import init
from ..module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    """Make a module whose parameters hold whatever the memory held; they are to be loaded or filled.

    Parameters
    ----------
    module_cls : type
        The class of the module; its constructor takes a `device`.
    *args, **kwargs
        The constructor's arguments.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.utils.skip_init(nn.Linear, 5, 1).weight.shape
    (1, 5)
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise ArgumentTypeError(f"skip_init: a class of modules is needed, got {module_cls!r}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise ArgumentError(f"skip_init: the constructor of {module_cls.__name__} takes no device")
    with init.skipped():
        return module_cls(*args, **kwargs)
