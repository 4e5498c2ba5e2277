"""The errors of candelabra: one small tree, each class also the standard exception that a caller would expect.

A message names the operation, the operands' shapes, dtypes and devices, and what to do about it.
"""

from __future__ import annotations

from typing import Any


class CandelabraError(Exception):
    """The root of every error that candelabra raises on purpose."""


class ShapeError(CandelabraError, ValueError):
    """Shapes do not fit together."""


class AxisError(CandelabraError, ValueError, IndexError):
    """An axis that the operand does not have, or the same axis twice."""


class IndexOutOfRangeError(CandelabraError, IndexError):
    """An index (or a class target) outside the axis that it indexes."""


class DTypeError(CandelabraError, TypeError):
    """A dtype that the operation does not take, or that cannot be promoted."""


class ArgumentError(CandelabraError, ValueError):
    """An argument's value is not one of those that the operation takes."""


class OutOfRangeError(ArgumentError, OverflowError):
    """A number that the dtype does not hold."""


class ArgumentTypeError(CandelabraError, TypeError):
    """An argument is of the wrong type."""


class LinAlgError(CandelabraError, ValueError, RuntimeError):
    """A matrix is singular, not positive definite, or its decomposition does not converge."""


class DeviceError(CandelabraError, RuntimeError):
    """A device that is not there, or a backend that does not load."""


class KernelError(DeviceError):
    """What computes on a device, a library or a plugin's kernel, failed or returned what is no array."""


class OutOfMemoryError(DeviceError, MemoryError):
    """A device has not enough memory for what was asked."""


class DeviceMismatchError(DeviceError):
    """Operands live on different devices."""

    devices: tuple[Any, ...] = ()


class ExchangeError(CandelabraError, BufferError):
    """An array cannot be handed to another library, or taken from it, as asked."""


class AutogradError(CandelabraError, RuntimeError):
    """Something that automatic differentiation cannot do."""


class AnomalyError(AutogradError):
    """Anomaly mode found the operation that first made something non-finite."""


class GradientCheckError(AutogradError, AssertionError):
    """An analytical derivative disagrees with the numerical one."""


class TransformError(CandelabraError, RuntimeError):
    """Something that a transformation (`vmap`, `jvp`, ...) cannot do."""


class PluginError(CandelabraError, RuntimeError):
    """A plugin does not load or breaks the contract."""


class RegistrationError(CandelabraError, TypeError):
    """A row, kernel or backend is declared wrongly."""


class StateDictError(CandelabraError, RuntimeError, KeyError):
    """A state dict does not fit the object that it is loaded into."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class FileFormatError(CandelabraError, ValueError):
    """A file is damaged, truncated, of another kind or of a newer version."""


class MissingDependencyError(CandelabraError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""


class DataError(CandelabraError, ValueError):
    """A dataset, sampler or loader cannot do what is asked."""


class WorkerError(DataError, RuntimeError):
    """A worker process of a loader has died, hangs, or raised what cannot be raised again here."""


class LostWriteWarning(UserWarning):
    """An in-place write went to a temporary whose owner will not see it."""


class HostFallbackWarning(UserWarning):
    """A backend lacks an operation, which therefore takes a round trip through the host."""
