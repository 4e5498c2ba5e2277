"""Saving a module's state, and loading it: everything is checked before anything is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import dtypes, ops
from ..core.autograd import no_grad
from ..core.errors import ArgumentTypeError, CandelabraError, StateDictError
from ..core.tensor import Tensor
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module

EXTRA_STATE = "_extra_state"


class StateDict(OrderedDict):
    """A state dict: names to tensors, with the modules' versions in `_metadata`, as PyTorch keeps them."""

    _metadata: OrderedDict[str, dict[str, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._metadata = OrderedDict()


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the keys that found no partner."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"
        )

    def __str__(self) -> str:
        return repr(self)


def save(module: Module, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """Fill `destination` with the state of the module and its children."""
    if destination is None:
        destination = StateDict()
    local_metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    hooks = module._hooks
    if hooks is not None:
        for entry in hooks.state_dict_pre.values():
            entry.function(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    if hooks is not None:
        for entry in hooks.state_dict.values():
            if entry.function(module, destination, prefix, local_metadata) is not None:
                raise StateDictError("a state-dict hook changes the dict that it is given and returns None")
    return destination


def save_own(module: Module, destination: Any, prefix: str, keep_vars: bool) -> None:
    """Put the module's own parameters, persistent buffers and extra state into `destination`."""
    for name, value in module._parameters.items():
        if value is not None:
            destination[prefix + name] = value if keep_vars else value.detach()
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            destination[prefix + name] = buffer if keep_vars else buffer.detach()
    if _overrides(module, "get_extra_state"):
        destination[prefix + EXTRA_STATE] = module.get_extra_state()


def load(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Check `state_dict` against the module and its children, then write all of it or nothing."""
    if not isinstance(state_dict, Mapping):
        raise ArgumentTypeError(f"load_state_dict: a state dict is needed, got {type(state_dict).__name__}")
    missing: list[str] = []
    unexpected: list[str] = []
    problems: list[str] = []
    plan: list[Callable[[], None]] = []
    metadata = getattr(state_dict, "_metadata", None) or {}
    result = IncompatibleKeys(missing, unexpected)

    def visit(current: Module, own: dict[str, Any], prefix: str) -> None:
        local_metadata = dict(metadata.get(prefix[:-1], {}), assign_to_params_buffers=assign, plan=plan)
        if current._hooks is not None:
            for entry in current._hooks.load_pre.values():
                entry.function(current, own, prefix, local_metadata, strict, missing, unexpected, problems)
        current._load_from_state_dict(own, prefix, local_metadata, True, missing, unexpected, problems)
        for name, child in current._modules.items():
            if child is not None:
                start = f"{prefix}{name}."
                visit(child, {k: v for k, v in own.items() if k.startswith(start)}, start)

    with no_grad():
        visit(module, dict(state_dict), "")

    def run_post_hooks(current: Module) -> None:
        for child in current._modules.values():
            if child is not None:
                run_post_hooks(child)
        if current._hooks is not None:
            for entry in current._hooks.load_post.values():
                if entry.function(current, result) is not None:
                    raise StateDictError("a load hook changes the keys that it is given and returns None")

    # A hook may strike keys off the lists, so that they are no problem any more.
    hooks_decide = bool(missing or unexpected)
    if hooks_decide:
        run_post_hooks(module)
    if strict:
        if unexpected:
            problems.insert(0, "Unexpected key(s) in state_dict: " + _quoted(unexpected))
        if missing:
            problems.insert(0, "Missing key(s) in state_dict: " + _quoted(missing))
    if problems:
        raise StateDictError(
            f"Error(s) in loading state_dict for {type(module).__name__} (nothing was changed):\n\t"
            + "\n\t".join(problems)
            + ("\n\tload_state_dict(..., strict=False) passes over missing and unexpected keys"
               if strict and (missing or unexpected) else "")
        )  # fmt: skip
    for write in plan:
        write()
    if not hooks_decide:
        run_post_hooks(module)
    return result


def load_own(
    module: Module,
    state_dict: Mapping[str, Any],
    prefix: str,
    local_metadata: dict[str, Any],
    missing: list[str],
    unexpected: list[str],
    problems: list[str],
) -> None:
    """Check the module's own entries and add the writes to ``local_metadata["plan"]``."""
    plan: list[Callable[[], None]] = local_metadata["plan"]
    assign: bool = local_metadata.get("assign_to_params_buffers", False)
    own: dict[str, Tensor] = {name: p for name, p in module._parameters.items() if p is not None}
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            own[name] = buffer
    for name, current in own.items():
        key = prefix + name
        if key not in state_dict:
            missing.append(key)
            continue
        try:
            value = _as_tensor(state_dict[key])
        except (CandelabraError, TypeError, ValueError, RuntimeError, BufferError) as error:
            problems.append(f"{key}: {error}")
            continue
        if value is None:
            problems.append(f"{key}: a tensor is needed, got {type(state_dict[key]).__name__}")
            continue
        if current.ndim == 0 and value.shape == (1,):
            value = value[0]  # PyTorch before 0.4 had no 0-d tensors
        if value.shape != current.shape:
            problems.append(
                f"size mismatch for {key}: the state dict has shape {tuple(value.shape)}, "
                f"the module {tuple(current.shape)}"
            )
            continue
        if value.dtype.is_complex and not current.dtype.is_complex:
            problems.append(f"{key}: the state dict has {value.dtype.name}, the module {current.dtype.name}")
            continue
        if assign:
            plan.append(_assignment(module, name, current, value))
        else:
            try:
                moved = value.detach().to(current.device, current.dtype)
            except CandelabraError as error:
                problems.append(f"{key}: {error}")
                continue
            plan.append(_write(current, moved))
    extra_key = prefix + EXTRA_STATE
    has_extra = _overrides(module, "set_extra_state")
    if has_extra and extra_key in state_dict:
        extra = state_dict[extra_key]
        plan.append(lambda: module.set_extra_state(extra))
    elif has_extra:
        missing.append(extra_key)
    for key in state_dict:
        if not key.startswith(prefix) or (has_extra and key == extra_key):
            continue
        head, dot, _ = key[len(prefix) :].partition(".")
        if module._modules.get(head) is None if dot else head not in own:
            unexpected.append(key)


def _write(current: Tensor, value: Tensor) -> Callable[[], None]:
    return lambda: current._rebind(value.array, value.device)


def _assignment(module: Module, name: str, current: Tensor, value: Tensor) -> Callable[[], None]:
    if isinstance(current, Parameter):
        if isinstance(value, Parameter):
            parameter, wanted = value, current.requires_grad

            def take() -> None:
                parameter.requires_grad_(wanted)
                setattr(module, name, parameter)

            return take
        value = Parameter(value, current.requires_grad)
    return lambda: setattr(module, name, value)


def _as_tensor(value: Any) -> Any:
    """Return a state dict's value as a tensor: ours, or another library's array through the host."""
    if isinstance(value, Tensor):
        return value
    if not hasattr(value, "__array__") and not hasattr(value, "__dlpack__"):
        return None
    value = value.detach() if hasattr(value, "detach") else value
    if str(value.dtype).endswith("bfloat16") and hasattr(value, "float"):
        # Neither DLPack on the host nor NumPy's protocol carries it; float32 holds every value.
        return ops.asarray(value.float()).to(dtypes.bfloat16)
    return ops.asarray(value)


def _overrides(module: Module, method: str) -> bool:
    from .module import Module

    return getattr(type(module), method) is not getattr(Module, method)


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys) + "."
