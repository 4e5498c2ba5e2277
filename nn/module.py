"""`Module`: the base class of all layers and models: how it is called, moved, saved, hooked and shown.

What it holds, and how that is registered and walked, stands in `tree.py`.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..core import dtypes, ops
from ..core.autograd import no_grad
from ..core.device import as_device
from ..core.errors import ArgumentError, ArgumentTypeError, CandelabraError, DeviceMismatchError, DTypeError
from ..core.tensor import Tensor
from . import state
from .hooks import HookEntry, HookHandle, Hooks
from .state import IncompatibleKeys
from .tree import ModuleTree

__all__ = ["Module"]

_PACKAGE = f"{__package__}."


class Module(ModuleTree):
    """The base class of all layers and models.

    A subclass calls ``super().__init__()``, assigns its layers and parameters to attributes, and defines `forward`.

    Attributes
    ----------
    training : bool
        Whether the module is in training mode; `train` and `eval` set it for the module and its children.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> class Model(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(4, 2)
    ...
    ...     def forward(self, x):
    ...         return self.fc(x)
    >>> Model()
    Model(
      (fc): Linear(in_features=4, out_features=2, bias=True)
    )
    >>> Model()(cb.ones(3, 4)).shape
    (3, 2)
    """

    _version: int = 1
    _hooks: Hooks | None = None
    training: bool

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(training=True, _hooks=None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return self._hooks.call(self, args, kwargs)
        except CandelabraError as error:
            _name_module(error, self, args, kwargs)
            raise
        except (AttributeError, TypeError) as error:
            # Our own layers, unlike containers, take tensors; what is none shows by an attribute that it lacks.
            if type(self).__module__.startswith(_PACKAGE) and next(self.children(), None) is None:
                _refuse_others(self, args, error)
            raise

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; every subclass defines it."""
        raise ArgumentTypeError(f"module {type(self).__name__} has no forward; define forward(self, ...) in the class")

    def train(self, mode: bool = True) -> Any:
        """Set training mode for the module and its children; return the module."""
        if not isinstance(mode, bool):
            raise ArgumentTypeError(f"train: mode is True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Set evaluation mode (the same as ``train(False)``); return the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Choose whether backward computes gradients for the parameters; return the module."""
        if requires_grad:
            for name, parameter in self.named_parameters():
                if not parameter.dtype.is_differentiable:
                    raise DTypeError(
                        f"requires_grad_: parameter {name!r} is {parameter.dtype.name}; "
                        "only floating-point and complex tensors can require a gradient"
                    )
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the parameters' gradients, or set them to zero."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = ops.zeros_like(parameter.grad.detach())

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """Call `fn` on every module below and then on the module itself; return the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Replace the value of every parameter, gradient and buffer by `fn` of it; each keeps its identity.

        Everything is converted before anything is changed.
        """
        changes: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}
        with no_grad():
            for module in self.modules() if recurse else (self,):
                for tensor in (*module._parameters.values(), *module._buffers.values()):
                    if tensor is not None and id(tensor) not in changes:
                        grad = tensor.grad if tensor.is_leaf else None
                        changes[id(tensor)] = (tensor, fn(tensor), None if grad is None else fn(grad))
        for tensor, value, grad in changes.values():
            if value is tensor:
                continue
            # A gradient of the old dtype or device must not meet the new value.
            if grad is not None:
                tensor.grad = None
            tensor._rebind(value.array, value.device)
            if grad is not None:
                tensor.grad = grad.detach()
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move the module, and cast its floating-point tensors; return the module.

        Written ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``. Every parameter keeps its
        identity, so optimizers and tied weights stay as they are.

        Parameters
        ----------
        device : str or Device, optional
            Where to.
        dtype : DType, optional
            A floating-point or complex dtype; integer and boolean tensors keep theirs.
        non_blocking : bool
            Accepted as PyTorch has it; the backend decides how it copies.

        Examples
        --------
        >>> import candelabra as cb
        >>> from candelabra import nn
        >>> nn.Linear(2, 2).to(cb.float64).weight.dtype
        candelabra.float64
        """
        device, dtype = _parse_to(args, kwargs)
        if dtype is not None and not dtype.is_differentiable:
            raise DTypeError(f"Module.to: a floating-point or complex dtype is needed, got {dtype.name}")

        def convert(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype if tensor.dtype.is_differentiable else None)

        return self._apply(convert)

    def type(self, dst_type: Any) -> Any:
        """Cast every parameter and buffer to `dst_type`; return the module."""
        dtype = dtypes.as_dtype(dst_type)
        return self._apply(lambda t: t.to(dtype))

    def float(self) -> Any:
        """Cast the floating-point parameters and buffers to float32; return the module."""
        return self._cast_floats(dtypes.float32)

    def double(self) -> Any:
        """Cast the floating-point parameters and buffers to float64; return the module."""
        return self._cast_floats(dtypes.float64)

    def half(self) -> Any:
        """Cast the floating-point parameters and buffers to float16; return the module."""
        return self._cast_floats(dtypes.float16)

    def bfloat16(self) -> Any:
        """Cast the floating-point parameters and buffers to bfloat16; return the module."""
        return self._cast_floats(dtypes.bfloat16)

    def _cast_floats(self, dtype: dtypes.DType) -> Any:
        return self._apply(lambda t: t.to(dtype) if t.dtype.is_floating_point else t)

    def cpu(self) -> Any:
        """Move all parameters and buffers to the CPU; return the module."""
        return self.to("cpu")

    def cuda(self, device: int | str | None = None) -> Any:
        """Move all parameters and buffers to a CUDA device; return the module."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Move the module without its values: parameters and buffers hold whatever the memory held; return it.

        Parameters
        ----------
        device : str or Device
            Where to.
        recurse : bool
            Whether the children are moved, too.

        Examples
        --------
        >>> from candelabra import nn
        >>> nn.Linear(2, 3).to_empty(device="cpu").weight.shape
        (3, 2)
        """
        place = as_device(device)
        return self._apply(lambda t: ops.empty(t.shape, dtype=t.dtype, device=place), recurse)

    def share_memory(self) -> Any:
        """Refuse: a tensor here is a value, and no process sees another's writes."""
        raise ArgumentError(
            "share_memory: tensors are values that are not shared between processes; send state_dict() instead"
        )

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of the representation; subclasses define it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        lines += children
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Return the parameters and persistent buffers of the module and its children, by dotted path.

        The tensors hold the values of this moment: later training does not change them.

        Parameters
        ----------
        destination : dict, optional
            Filled and returned instead of a new dict.
        prefix : str
            Put before every name.
        keep_vars : bool
            Whether to hand out the parameters themselves, not detached tensors.

        Examples
        --------
        >>> from candelabra import nn
        >>> list(nn.Linear(2, 1).state_dict())
        ['weight', 'bias']
        """
        return state.save(self, destination, prefix, keep_vars)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        state.save_own(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Take over the values of a state dict; if anything does not fit, nothing is changed.

        Parameters
        ----------
        state_dict : mapping
            Names to tensors, ours or another library's (such as PyTorch's).
        strict : bool
            Whether missing and unexpected keys are errors.
        assign : bool
            Whether the state dict's tensors take the place of the module's, with their dtype and device; otherwise
            their values are cast and moved to what the module has.

        Returns
        -------
        IncompatibleKeys
            With `missing_keys` and `unexpected_keys`.

        Raises
        ------
        StateDictError
            Naming every missing and unexpected key and every shape that differs.

        Examples
        --------
        >>> from candelabra import nn
        >>> nn.Linear(2, 1).load_state_dict(nn.Linear(2, 1).state_dict())
        <All keys matched successfully>
        """
        return state.load(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        state.load_own(self, state_dict, prefix, local_metadata, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """Return further state to save with the module; a subclass that has some defines it and `set_extra_state`."""
        raise ArgumentError(f"{type(self).__name__} has no extra state; define get_extra_state in the class")

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` returned."""
        raise ArgumentError(f"{type(self).__name__} has no extra state; define set_extra_state in the class")

    def _add_hook(self, occasion: str, entry: HookEntry, prepend: bool = False) -> HookHandle:
        if self._hooks is None:
            self._hooks = Hooks()
        return HookHandle(getattr(self._hooks, occasion), entry, prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call ``hook(module, args)`` before every forward; it may return new arguments.

        With `with_kwargs` it is ``hook(module, args, kwargs)`` and may return ``(args, kwargs)``.
        """
        return self._add_hook("forward_pre", HookEntry(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """Call ``hook(module, args, output)`` after every forward; it may return another output.

        With `with_kwargs` it is ``hook(module, args, kwargs, output)``; with `always_call` it is called although
        forward raised, with None as the output.
        """
        return self._add_hook("forward", HookEntry(hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call ``hook(module, grad_input, grad_output)`` when backward has passed the module.

        It may return another `grad_input`.
        """
        return self._add_hook("backward", HookEntry(hook), prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `register_full_backward_hook` under its deprecated name, which warns.

        PyTorch's own hook of this name sees the gradients of the last operation only; this one sees the module's.
        """
        warnings.warn(
            "register_backward_hook is deprecated; use register_full_backward_hook", FutureWarning, stacklevel=2
        )
        return self.register_full_backward_hook(hook)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call ``hook(module, grad_output)`` before backward passes the module; it may return another `grad_output`."""
        return self._add_hook("backward_pre", HookEntry(hook), prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` looks at the module."""
        return self._add_hook("state_dict_pre", HookEntry(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after `state_dict`; it may change the dict."""
        return self._add_hook("state_dict", HookEntry(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call a hook before the module's entries are looked up in a state dict, which it may change.

        Its arguments: ``(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)``.
        """
        return self._add_hook("load_pre", HookEntry(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may strike keys off the two lists.

        Where keys are missing or unexpected it is called before anything is written, since striking them decides
        whether anything is.
        """
        return self._add_hook("load_post", HookEntry(hook))


def _refuse_others(module: Module, args: tuple[Any, ...], cause: Exception) -> None:
    """Say that the first argument which is no tensor should be one."""
    for i, value in enumerate(args):
        if not isinstance(value, Tensor):
            wrong = ArgumentTypeError(
                f"{type(module).__name__}: argument {i + 1} must be a tensor, got {type(value).__name__}; make one "
                "with candelabra.asarray(...)"
            )
            _name_module(wrong, module, args, {})
            raise wrong from cause


def indent(text: str) -> str:
    """Indent all lines of a representation but the first."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dtypes.DType | None]:
    """Return device and dtype of a call of `Module.to`."""
    unknown = set(kwargs) - {"device", "dtype", "tensor", "non_blocking"}
    if "memory_format" in unknown:
        raise ArgumentError("Module.to: memory_format is refused: each backend chooses its own memory order")
    if unknown:
        raise ArgumentTypeError(
            f"Module.to has no argument {', '.join(sorted(unknown))}; it takes device, dtype, tensor and non_blocking"
        )
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    values = [*args] + ([kwargs["tensor"]] if "tensor" in kwargs else [])
    if values and isinstance(values[0], Tensor):
        device, dtype = values[0].device, values[0].dtype
        values = values[1:]
    for value in values:
        if value is None or isinstance(value, bool):
            continue
        if isinstance(value, dtypes.DType):
            dtype = value
        else:
            device = f"cuda:{value}" if isinstance(value, int) else value
    return None if device is None else as_device(device), None if dtype is None else dtypes.as_dtype(dtype)


def _name_module(error: CandelabraError, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Put the path of the module in which an error arose at the end of its text.

    Each module on the way out sees the error and puts its own child's name before the path.
    """
    if not error.args or not isinstance(error.args[0], str):
        return
    trail = error.__dict__.get("_module_trail")
    if trail is None:
        path, text, detail = "", error.args[0], ""
        if isinstance(error, DeviceMismatchError):
            detail = _apart(module, error.devices, args, kwargs)
    else:
        child, path, text, detail = trail
        name = next((name for name, below in module.named_modules() if below is child), None)
        if name is None:
            return  # called, but not registered below this module: one further out may know it
        path = f"{name}.{path}" if name and path else name or path
    error.__dict__["_module_trail"] = (module, path, text, detail)
    error.args = (f"{text} (in {path or type(module).__name__}{detail})", *error.args[1:])


def _apart(module: Module, devices: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Say which of a module's tensors is on another device than what it was called with, and what to move."""
    try:
        given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    except TypeError:
        given = {}
    inputs = [(name, v.device.physical) for name, v in given.items() if isinstance(v, Tensor)]
    inputs = [(name, device) for name, device in inputs if device in devices]
    own = [(f"parameter {name!r}", p.device) for name, p in module.named_parameters()]
    own += [(f"buffer {name!r}", b.device) for name, b in module.named_buffers()]
    for mine, here in own:
        for name, there in inputs:
            if here in devices and here != there:
                return f": {mine} is on {here}, {name} on {there}; module.to({str(there)!r}) moves the module"
    for mine, here in inputs + own:
        for other, there in inputs + own:
            if here in devices and there in devices and here != there:
                return f": {mine} is on {here}, {other} on {there}"
    return ""
