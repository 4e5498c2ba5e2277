"""The Tensor: a handle on one backend array, with value semantics.

Methods and operators name one function each; their logic is elsewhere. `array`, `device` and `node` are all there is: a
tensor's shape and dtype come from its array, `requires_grad` and `grad` from its node.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any

from . import device as devices
from . import dtypes
from .api_version import namespace_for
from .autograd.node import Leaf
from .errors import ArgumentTypeError, AutogradError, DTypeError, ExchangeError, KernelError, ShapeError
from .failures import failure

if TYPE_CHECKING:
    from types import ModuleType

    # The operators and methods that `operators` and `methods` install.
    from .installed import Installed
else:
    Installed = object

_getrefcount = sys.getrefcount


class _Size(int):
    """The number of elements: an int, as the standard has it, that may be called, as PyTorch has it."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class Tensor(Installed):
    """A multi-dimensional array on a device, which can be differentiated through.

    Made by `candelabra.tensor`, `candelabra.asarray` and the creation functions, not by calling the class.

    Parameters
    ----------
    array : array of a backend
        The data.
    device : Device
        Where it lives.
    node : node, optional
        Its place in the graph; None where no gradient is needed.
    """

    __slots__ = ("__weakref__", "array", "device", "node")
    # Makes `ndarray * tensor` ours.
    __array_ufunc__ = None

    array: Any
    device: devices.Device
    node: Any

    def __init__(self, array: Any, device: devices.Device, node: Any = None) -> None:
        self.array = array
        self.device = device
        self.node = node

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> dtypes.DType:
        """The data type."""
        try:
            return self.device._dtype_of[self.array.dtype]  # type: ignore[index]
        except TypeError:
            # The device has not been asked yet.
            return self.device.dtype_of[self.array.dtype]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.array.shape)

    @property
    def size(self) -> Any:
        """The number of elements; called, the shape (``x.size()``) or one axis's size (``x.size(0)``)."""
        shape = tuple(self.array.shape)
        size = _Size(prod(shape))
        size.shape = shape
        return size

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self.size) * self.dtype.itemsize

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to this tensor; may be set on leaves."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self.node is None or self.node.is_leaf

    @property
    def grad_fn(self) -> Any:
        """The operation's node; None for a leaf."""
        return None if self.node is None or self.node.is_leaf else self.node

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient."""
        node = self.node
        if node is None:
            return None
        if node.is_leaf:
            return node.grad
        found = getattr(node, "grad", None)
        if found is None and (node.hooks is None or not node.hooks.retain):
            warnings.warn(
                "the .grad of a tensor that is no leaf is None: backward keeps gradients of leaves only; "
                "call retain_grad() on it before backward",
                UserWarning,
                stacklevel=2,
            )
        return found

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            if self.node is not None:
                self.node.grad = None
            return
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"grad: a Tensor or None is needed, got {type(value).__name__}")
        if self.node is None:
            raise AutogradError("grad: this tensor does not require a gradient; call requires_grad_() first")
        if value.shape != self.shape:
            raise ShapeError(f"grad: has shape {value.shape}, its tensor has shape {self.shape}")
        if value.device is not self.device:
            raise devices.mismatch("grad", [self.device, value.device], [self.shape, value.shape])
        if value.dtype is not self.dtype:
            raise DTypeError(f"grad: has dtype {value.dtype.name}, its tensor has dtype {self.dtype.name}")
        self.node.grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    @property
    def data(self) -> Tensor:
        """The same values without the graph; writing in place through it writes this tensor."""
        return _Data(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"data: a Tensor is needed, got {type(value).__name__}")
        self._rebind(value.array, value.device)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether a gradient is wanted for this leaf; returns the tensor itself."""
        if requires_grad:
            if self.node is None:
                if not self.dtype.is_differentiable:
                    raise DTypeError(
                        "requires_grad: only floating-point and complex tensors have gradients, not "
                        f"{self.dtype.name}; convert it first, for example with .float()"
                    )
                self.node = Leaf(self.shape, self.array.dtype, self.device)
        elif self.node is not None:
            if not self.node.is_leaf:
                raise AutogradError(
                    "requires_grad: only a leaf's can be switched off; use x.detach() for a tensor without its graph"
                )
            self.node = None
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is no leaf in its ``grad``."""
        from .autograd.hooks import hooks_of

        if self.node is None:
            raise AutogradError("retain_grad: this tensor does not require a gradient")
        if not self.node.is_leaf:
            hooks_of(self.node).retain = True

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this tensor that is no leaf."""
        return (
            self.node is not None and not self.node.is_leaf and self.node.hooks is not None and self.node.hooks.retain
        )

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call `hook` with each gradient that arrives; what it returns, if anything, replaces the gradient."""
        from .autograd.hooks import add_hook

        if self.node is None:
            raise AutogradError("register_hook: this tensor does not require a gradient")
        return add_hook(self.node, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call `hook` with this leaf each time after its ``grad`` has been accumulated."""
        from .autograd.hooks import add_post_hook

        if self.node is None or not self.node.is_leaf:
            raise AutogradError("register_post_accumulate_grad_hook: only leaves that require a gradient have one")
        return add_post_hook(self.node, weakref.ref(self), hook)

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate this tensor's gradient with respect to the leaves in their ``grad``.

        Parameters
        ----------
        gradient : Tensor, optional
            The cotangent of this tensor, in its shape; not needed for a scalar.
        retain_graph : bool, optional
            Keep what the graph saved for another backward.
        create_graph : bool
            Record the backward, for higher derivatives.
        inputs : Tensor or sequence of Tensor, optional
            Accumulate into these leaves only.

        Examples
        --------
        >>> import candelabra as cb
        >>> x = cb.tensor([1.0, 2.0], requires_grad=True)
        >>> (x ** 2).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        from .autograd.engine import backward

        chosen = [inputs] if isinstance(inputs, Tensor) else inputs
        backward([self], None if gradient is None else [gradient], retain_graph, create_graph, chosen)

    def detach(self) -> Tensor:
        """Return the same values without the graph, and in forward mode without tangents."""
        array, device = self.array, self.device
        for level in device.levels:
            array, device = level.constant(array, device)
        return Tensor(array, device)

    def detach_(self) -> Tensor:
        """Take this tensor out of its graph."""
        made = self.detach()
        self.array, self.device, self.node = made.array, made.device, None
        return self

    def item(self) -> Any:
        """Return the one element as a Python scalar."""
        shape = self.array.shape
        if shape and prod(shape) != 1:
            raise ShapeError(
                f"item: a tensor with one element is needed, this one has shape {self.shape}; use tolist() or numpy()"
            )
        return self._to_host("item").item()

    def tolist(self) -> Any:
        """Return the elements as nested Python lists, or a scalar for 0-d."""
        return self._to_host("tolist").tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """Return a `numpy.ndarray`, read-only and without a copy where the device's memory is the host's."""
        if self.node is not None and not force:
            raise AutogradError("numpy: this tensor requires a gradient; call x.detach().numpy()")
        view = self._to_host("numpy").view()
        view.setflags(write=False)
        return view

    def _to_host(self, operation: str) -> Any:
        device = self.device.physical
        array = concrete(self, operation) if self.device.levels else self.array
        try:
            found = device.backend.to_host(array)
            if not hasattr(found, "setflags"):
                raise KernelError(f"to_host must return an array of NumPy's, got {type(found).__name__} {found!r:.60}")
        except Exception as error:
            raise failure(f"{operation.removesuffix('()')}(x of shape {self.shape})", device, error) from error
        return found

    def _rebind(self, array: Any, device: devices.Device | None = None) -> None:
        """Let the handle name another array; a leaf stays the leaf that it is."""
        if device is not None and device is not self.device and device.levels:
            from .transforms.levels import note_write

            note_write(self, device)
        self.array = array
        if device is not None:
            self.device = device
        if not self.device.levels and (settle := self.device.backend.settle) is not None:
            settle((array,))
        node = self.node
        if node is not None and node.is_leaf:
            node.shape, node.dtype, node.device = array.shape, array.dtype, self.device

    def _is_unique(self) -> bool:
        """Say whether this handle alone refers to its array, so that it may be written in place."""
        # Always through the attribute: a local variable is not counted on CPython 3.14.
        return _writable[self.device] and _getrefcount(self.array) == 2 and self.array.base is None

    def __len__(self) -> int:
        if not self.array.shape:
            raise ArgumentTypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.shape:
            raise ArgumentTypeError("a 0-d tensor cannot be iterated over; use x.item()")
        # Parts are made when the first is asked for: numpy.iterable, which consumers call, asks for none.
        return (part for whole in (self,) for part in whole.unbind(0))  # type: ignore[attr-defined]

    def __bool__(self) -> bool:
        shape = self.array.shape
        if shape and prod(shape) != 1:
            raise ShapeError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous; use cb.any(x) or cb.all(x)"
            )
        return bool(self._to_host("bool()"))

    def __float__(self) -> float:
        return float(self._element("float()"))

    def __int__(self) -> int:
        return int(self._element("int()"))

    def __complex__(self) -> complex:
        return complex(self._element("complex()"))

    def __index__(self) -> int:
        if not (self.dtype.rank < 2 and self.size == 1):
            raise ArgumentTypeError(
                f"only an integer tensor with one element can be used as an index, not {self.dtype.name} {self.shape}"
            )
        return int(self._element("an index"))

    def _element(self, operation: str) -> Any:
        if self.device.levels:
            concrete(self, operation)
        return self.item()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else format(str(self), spec)

    def __repr__(self) -> str:
        from .printing import tensor_text

        return tensor_text(self)

    def __contains__(self, value: Any) -> bool:
        from . import ops

        return bool(ops.any(ops.equal(self, value)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.node is not None:
            raise AutogradError(
                "__array__: a tensor that requires a gradient would silently leave the graph; call x.detach() first"
            )
        host = self.numpy()
        if dtype is not None and host.dtype != dtype:
            if copy is False:
                raise ShapeError("__array__: another dtype needs a copy, and copy=False was asked for")
            return host.astype(dtype)
        return host.copy() if copy else host

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if self.node is not None:
            raise AutogradError(
                "__dlpack__: a tensor that requires a gradient would silently leave the graph; call x.detach() first"
            )
        if self.device.levels:
            concrete(self, "__dlpack__")
        asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        asked = {name: value for name, value in asked.items() if value is not None}
        try:
            return self.device.backend.to_dlpack(self.array, asked)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            wrong = isinstance(error, TypeError) or isinstance(copy, str)
            kind: Any = ArgumentTypeError if wrong else ExchangeError
            how = ", ".join(f"{name}={value!r}" for name, value in asked.items())
            raise kind(f"__dlpack__({how}): a tensor of {self.dtype.name} on {str(self.device)!r}: {error}") from error

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        return namespace_for(api_version)

    def __reduce__(self) -> tuple[Any, ...]:
        from .serialization_hooks import rebuild_tensor

        if self.node is not None and not self.node.is_leaf:
            raise AutogradError("only leaves can be pickled; call x.detach() first")
        kind, attributes = self._kind_and_attributes()
        content = (kind, *self._pickled(), str(self.device), self.requires_grad, self.grad)
        return (rebuild_tensor, content, (None, attributes)) if attributes else (rebuild_tensor, content)

    def _pickled(self) -> tuple[bytes, str, tuple[int, ...]]:
        from .serialization_hooks import host_bytes

        return host_bytes(self)

    def _kind_and_attributes(self) -> tuple[type[Tensor], dict[str, Any]]:
        """Return the class of a copy, and what a subclass or the user has added."""
        attributes: dict[str, Any] = dict(getattr(self, "__dict__", ()))
        for kind in type(self).__mro__[: -len(Tensor.__mro__)]:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(self, name):
                    attributes[name] = getattr(self, name)
        return type(self), attributes

    def __copy__(self) -> Tensor:
        made, attributes = self._copied(self.array)
        if self.is_leaf and self.grad is not None:
            made.node.grad = self.grad.__copy__()
        for name, value in attributes.items():
            setattr(made, name, value)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        import copy

        known = memo.get(id(self))
        if known is not None:
            return known
        if self.node is not None and not self.node.is_leaf:
            raise AutogradError("only leaves can be deep-copied; call x.detach() first")
        # What a transformation wraps is never written in place.
        array = self.array if self.device.levels else self.device.backend.copy(self.array)
        made, attributes = self._copied(array)
        memo[id(self)] = made
        if self.grad is not None:
            made.node.grad = copy.deepcopy(self.grad, memo)
        for name, value in attributes.items():
            setattr(made, name, copy.deepcopy(value, memo))
        return made

    def _copied(self, array: Any) -> tuple[Any, dict[str, Any]]:
        kind, attributes = self._kind_and_attributes()
        made: Any = object.__new__(kind)
        made.array, made.device, made.node = array, self.device, self.node
        if self.node is not None and self.node.is_leaf:
            # A leaf of its own, to which gradients come by its own uses.
            made.node = Leaf(self.shape, self.array.dtype, self.device)
        return made, attributes

    __hash__ = object.__hash__


class _Data(Tensor):
    """What `x.data` returns: in-place writes go through to the tensor that it came from."""

    __slots__ = ("owner",)

    def __init__(self, owner: Tensor) -> None:
        super().__init__(owner.array, owner.device)
        self.owner = owner

    def _rebind(self, array: Any, device: devices.Device | None = None) -> None:
        super()._rebind(array, device)
        self.owner._rebind(array, device)

    def _is_unique(self) -> bool:
        return False

    def _kind_and_attributes(self) -> tuple[type[Tensor], dict[str, Any]]:
        return Tensor, {}


def concrete(tensor: Tensor, operation: str) -> Any:
    """Return the physical array of a tensor inside a transformation, or raise where it has none."""
    array, device = tensor.array, tensor.device
    while device.levels:
        array = device.levels[-1].concrete(array, operation)
        device = device.parent
    return array


class _Writable(dict[devices.Device, bool]):
    """Whether a physical device's arrays may be written in place where a count says that nobody else holds them."""

    def __missing__(self, device: devices.Device) -> bool:
        if device.levels:
            return False
        made = self[device] = device.backend.mutable and _counts_are_sound(device.backend)
        return made


_writable = _Writable()


def _counts_are_sound(backend: Any) -> bool:
    """Calibrate: an array known to be unique and one known to be shared must be told apart."""
    probe = Tensor.__new__(Tensor)
    probe.array = backend.asarray([1.0, 2.0])
    alone = _getrefcount(probe.array) == 2
    shared = [probe.array]
    return alone and _getrefcount(probe.array) == 3 and len(shared) == 1


__all__ = ["Tensor", "concrete"]
