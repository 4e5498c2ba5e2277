"""An implementation: one row on one device, as it runs, with what its backward needs.

The node of an operation records the implementation that ran. It knows the forward (a backend's kernel, the namespace's
function, the generic body, a transformation's wrapping, or at worst a round trip through the host), what is saved, and
two backwards: one for raw arrays at first order, which may use a kernel's own rule and residuals, and one that
differentiates the row's rule or its body, used under `create_graph` and inside transformations.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterable
from typing import Any

from . import device as devices
from . import dtypes, failures
from .backend import Backend, Kernel
from .compiled import compiled_body
from .errors import DeviceError, HostFallbackWarning, RegistrationError
from .primitives.row import TABLE, Row, check_rule, rule_names
from .ways import DATA_DEPENDENT


class Implementation:
    """One row on one device."""

    __slots__ = (
        "array_type", "backward", "backward_graph", "complexes", "declined", "device", "differentiable", "direct",
        "forward", "generic", "holds_arrays", "materialize", "narrow", "normalize", "plain_floats", "plain_keys",
        "plain_numbers", "row", "run", "save", "saves", "source", "train", "xp",
    )  # fmt: skip

    def __init__(self, row: Row, device: devices.Device, *, generic: bool = False, below: int = 0) -> None:
        self.row, self.device, self.xp = row, device, namespace(device)
        if device.levels:
            self._at_levels()
            return
        self.materialize = row.materialize
        backend = device.backend
        native = device.native
        taken = {k: v for k, v in native.items() if row.takes_complex or not k.is_complex}
        self.array_type: Any = backend.array_type
        self.normalize: Callable[[Any], Any] = backend.normalizer(device.index or 0)
        self.differentiable = frozenset(v for k, v in native.items() if k.is_differentiable)
        # The dtypes with which the row computes as they are, without a cast and without an error.
        self.direct = frozenset(v for k, v in taken.items() if k.rank >= 2 or not row.floating)
        self.complexes = frozenset(v for k, v in native.items() if k.is_complex)
        # The dtypes with which a Python scalar may be handed to the library as it is.
        self.plain_floats = frozenset(v for k, v in taken.items() if k.rank >= 2 and k.name != "bfloat16")
        self.plain_numbers = frozenset(
            v for k, v in taken.items() if k.rank >= (2 if row.floating else 1) and k.name != "bfloat16"
        )
        self.plain_keys = backend.plain_keys
        self.train: Callable[..., Any] | None = None
        self.generic: Implementation | None = None
        # The dtypes that `run` and `train` must not be given.
        self.narrow: frozenset[Any] = frozenset()
        # What a plugin's kernel declines goes to what the backend would have done without the plugin.
        kernel: Any = None
        under: Implementation | None = None
        if not generic:
            kernel, under = _find_kernel(row, device, below)
            if row.canonical is not None and kernel is not None and (under or device is not devices.host_device()):
                kernel = _canonical_kernel(kernel, row.canonical, self.xp)
        self.forward, self.source, declined = _find_forward(row, device, generic, kernel, under)
        able = backend.narrow_kernels and self.source == "kernel"
        if backend.narrow_dtypes and not able and (guards_narrow(row) or self.source == "generic"):
            self.narrow = narrow_of(device)
            # What is compiled widens by itself.
            if self.source != "generic" or _compiler(row, device) is None:
                self.forward = _widened(self.forward, self.narrow, device)
        # What dispatch calls: the forward, or a kernel itself, which may decline by `NotImplemented`.
        self.run = self.forward
        bound = row.kind == "creation" and backend.on_device(device.index or 0)
        if self.source == "kernel" and row.kind != "update" and not bound:
            self.run = kernel.forward if isinstance(kernel, Kernel) else kernel
        # What comes after a `run` that has declined.
        self.declined = declined or self.forward
        if not generic and not below:
            row.fallback[str(device)] = self.source
        if self.source != "generic" and failures.origin(device, row.name):
            self.normalize = failures.no_rubbish(self.normalize)
        vjp = kernel.vjp if isinstance(kernel, Kernel) else None
        residuals = kernel.residuals if isinstance(kernel, Kernel) else ()
        if vjp is not None:
            try:
                for rule in vjp if isinstance(vjp, tuple) else (vjp,):
                    if rule is not None:
                        check_rule(row, rule, residuals)
                _refuse_residuals(row, kernel)
            except RegistrationError as error:
                raise RegistrationError(f"{error}{failures.in_brackets(device.physical, row.name)}") from None
            self.train = kernel.train
            if kernel.train is not None:
                self.generic = under or Implementation(row, device, generic=True)
        self.save: Any = None
        self.saves: tuple[tuple[str, Any], ...] = ()
        # What keeps shapes alone may be walked back twice.
        self.holds_arrays = False
        self.backward: Callable[..., Any] | None = None
        self.backward_graph: Callable[..., Any] | None = None
        if row.is_differentiable and row.operands:
            from . import rules

            rules.compile_backward(self, vjp, residuals)
        self._place()

    def _place(self) -> None:
        """Let everything run on the device, where the library does not see by its arrays which one that is."""
        backend = self.device.physical.backend
        if backend.within is not None:
            for name in ("forward", "run", "declined", "train", "backward"):
                if (function := getattr(self, name)) is not None:
                    setattr(self, name, backend.placed(function, self.device.index or 0))

    def _at_levels(self) -> None:
        """Set up a row on a device of transformations: levels are entered often, so all that can be is taken over."""
        row, device = self.row, self.device
        base = implementation(row, device.physical)
        self.materialize, self.differentiable, self.direct = base.materialize, base.differentiable, base.direct
        self.complexes, self.plain_floats = base.complexes, base.plain_floats
        self.plain_numbers, self.plain_keys, self.narrow = base.plain_numbers, False, frozenset()
        self.array_type, self.normalize = object, _as_it_is
        self.train, self.generic, self.source = None, None, "transformation"
        self.forward = self.run = self.declined = device.levels[-1].kernel(row, device)
        self.save, self.saves, self.holds_arrays = None, (), False
        self.backward = self.backward_graph = None
        if row.is_differentiable and row.operands:
            from . import rules

            rules.compile_at_levels(self)
        self._place()

    def __repr__(self) -> str:
        return f"<{self.row.name} on {self.device} by {self.source}>"


def _as_it_is(value: Any) -> Any:
    return value


def guards_narrow(row: Row) -> bool:
    """Whether a row's kernels and library functions are not given a library's narrow dtypes."""
    return row.kind in ("general", "bilinear") or isinstance(row.standard, str)


def _refuse_residuals(row: Row, kernel: Kernel) -> None:
    """The closures of elementwise rows save what the row's own partials ask for, and nothing else."""
    if row.kind != "elementwise":
        return
    rules = kernel.vjp if isinstance(kernel.vjp, tuple) else (kernel.vjp,)
    asked = {name for rule in rules if rule is not None for name in rule_names(rule)}
    more = asked - _asked(row) - {"g", "xp", "wants"}
    if kernel.train is not None or more:
        raise RegistrationError(
            f"a kernel of the elementwise row {row.name!r} asks for {', '.join(sorted(more)) or 'residuals'}: such a "
            "row keeps only what its own partials name; leave the kernel's vjp out, and the partials are used"
        )


def _asked(row: Row) -> set[str]:
    return {name for rule in row.rules() for name in rule_names(rule)}


def _find_kernel(row: Row, device: devices.Device, below: int) -> tuple[Any, Implementation | None]:
    """Return a row's kernel and, where a plugin's lies above the backend's own means, the implementation under it."""
    kernels = device.backend.kernels
    layers = kernels.maps if isinstance(kernels, ChainMap) else [kernels]
    for i, layer in enumerate(layers[below:], below + 1):
        if row.name in layer:
            return layer[row.name], Implementation(row, device, below=i) if i < len(layers) else None
    return None, None


def _find_forward(
    row: Row, device: devices.Device, generic: bool, kernel: Any, under: Implementation | None
) -> tuple[Callable[..., Any], str, Callable[..., Any] | None]:
    """Return the forward of a row on a physical device, where it comes from, and what runs where a kernel declines."""
    backend = device.backend
    if not generic:
        if kernel is not None:
            forward = kernel.forward if isinstance(kernel, Kernel) else kernel
            if row.kind == "creation":
                forward = _bind(forward, backend.on_device(device.index or 0), own=True)
            if under is None and device is devices.host_device() and (row.kind == "update" or row.body is None):
                return forward, "kernel", None
            otherwise = _otherwise(row, device) if under is None else under.forward
            return _declining(forward, otherwise), "kernel", otherwise
        # A function of the name may be another, that is told the result's size, where no shape depends on values.
        shaped = backend.data_dependent_shapes or row.name not in DATA_DEPENDENT
        native = _native_function(row, backend.namespace) if shaped else None
        if native is not None:
            if row.canonical is not None:
                native = _made_canonical(native, row.canonical, device)
            elif len(row.outputs) > 1:
                # Transformations rebuild tuples; the libraries' own classes of results are no part of them.
                native = _made_canonical(native, lambda xp, found: tuple(found), device)
            if row.kind == "creation":
                native = _bind(native, backend.on_device(device.index or 0), own=False)
            return (native if device is devices.host_device() else _mended(native, row, device)), "library", None
    if row.body is not None:
        return _body_forward(row, device), "generic", None
    if device is devices.host_device():
        raise DeviceError(f"{row.name}: backend {backend.name!r} offers no such function and the row has no body")
    return _host_forward(row, device), "host", None


def _native_function(row: Row, library: Any) -> Any:
    """Return the library's function of a row that the standard or one of its extensions names, or None."""
    if isinstance(row.standard, str):
        library = getattr(library, row.standard, None)
    function = getattr(library, row.name, None) if row.standard else None
    names = [o.name for o in row.operands if o.optional]
    if function is None or not names:
        return function
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        # A function without a signature to read takes all by position.
        return function
    places = [o.name for o in row.operands]
    # Something else may stand in an operand's place.
    by_keyword = [
        n for n in names
        if n in parameters and (
            parameters[n].kind is inspect.Parameter.KEYWORD_ONLY
            or (parameters[n].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
                and list(parameters).index(n) != places.index(n))
        )
    ]  # fmt: skip
    if not by_keyword:
        return function
    count = len(row.operands) - len(by_keyword)

    def native(*operands: Any, **statics: Any) -> Any:
        return function(*operands[:count], **dict(zip(by_keyword, operands[count:], strict=True)), **statics)

    return native


def _made_canonical(native: Callable[..., Any], canonical: Callable[..., Any], device: devices.Device) -> Any:
    """Choose as the row's rules expect what the standard leaves open in a function's outputs."""
    xp = namespace(device)
    return lambda *operands, **statics: canonical(xp, native(*operands, **statics))


def _canonical_kernel(kernel: Any, canonical: Callable[..., Any], xp: Any) -> Any:
    """Choose so for a kernel, too, which the host's own do by themselves."""

    def run(*operands: Any, **statics: Any) -> Any:
        result = forward(*operands, **statics)
        return result if result is NotImplemented else canonical(xp, result)

    def train(*operands: Any, **statics: Any) -> Any:
        result = kernel.train(*operands, **statics)
        return result if result is NotImplemented else (canonical(xp, result[0]), result[1])

    if not isinstance(kernel, Kernel):
        forward = kernel
        return run
    forward = kernel.forward
    return dataclasses.replace(kernel, forward=run, train=kernel.train and train)


def _bind(function: Callable[..., Any], bound: Any, own: bool) -> Callable[..., Any]:
    if not bound:
        return function

    def on_device(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs, **bound)

    return on_device


def _mended(native: Callable[..., Any], row: Row, device: devices.Device) -> Callable[..., Any]:
    """Let a row's body, or the host, serve what a library's function refuses or does not implement."""
    xp = namespace(device)
    beyond = row.beyond if row.beyond is not None else row.body
    otherwise = _otherwise(row, device)

    def forward(*operands: Any, **statics: Any) -> Any:
        try:
            return native(*operands, **statics)
        except TypeError:
            if beyond is None:
                raise
            return beyond(xp, *operands, **statics)
        except NotImplementedError:
            return otherwise(*operands, **statics)

    return forward


def _otherwise(row: Row, device: devices.Device) -> Callable[..., Any]:
    """Return a row's generic body on a device, or its way through the host where it has none."""
    if row.body is None:
        return _host_forward(row, device)
    narrow = narrow_of(device)
    forward = _body_forward(row, device)
    # Constants in a body are Python floats, which widen some libraries' 16-bit floats.
    return _widened(forward, narrow, device) if narrow and _compiler(row, device) is None else forward


def _first_dtype(operands: Any) -> Any:
    """Return the dtype of the first operand that has one; a Python scalar may stand before it."""
    for first in operands:
        if isinstance(first, list):
            first = first[0] if first else None
        dtype = getattr(first, "dtype", None)
        if dtype is not None:
            return dtype
    return None


def narrow_of(device: devices.Device) -> frozenset[Any]:
    """Return the 16-bit dtypes that a library computes in poorly: kernels, bodies and rules are given wider ones."""
    names = device.backend.narrow_dtypes
    return frozenset(v for k, v in device.native.items() if k.name in names)


def _widened(forward: Callable[..., Any], narrow: frozenset[Any], device: devices.Device) -> Callable[..., Any]:
    """Compute narrow floats in a wider dtype, and return them narrow."""
    backend, xp = device.backend, namespace(device)
    wide = device.native[dtypes.as_dtype(backend.wide_dtype)]

    def cast(value: Any, to: Any, of: Any) -> Any:
        if isinstance(value, (list, tuple)):
            parts = [cast(v, to, of) for v in value]
            return parts if isinstance(value, list) else tuple(parts)
        dtype = getattr(value, "dtype", None)
        return value if dtype is None or dtype not in of else xp.astype(backend.normalize(value), to)

    def run(*operands: Any, **statics: Any) -> Any:
        dtype = _first_dtype(operands)
        if dtype not in narrow:
            return forward(*operands, **statics)
        result = forward(*[cast(o, wide, narrow) for o in operands], **statics)
        return cast(result, dtype, (wide,))

    return run


def _body_forward(row: Row, device: devices.Device) -> Callable[..., Any]:
    xp = namespace(device)
    body: Any = row.body
    if row.kind == "update":
        # Where a kernel has declined: what it might have overwritten is of no use to a body.
        return lambda *lists, donate=False, **statics: body(xp, *lists, **statics)
    if (compile := _compiler(row, device)) is not None:
        return compiled_body(lambda device: _plain_body(row, device), compile, device)

    def generic(*operands: Any, **statics: Any) -> Any:
        return body(xp, *operands, **statics)

    return generic


def _compiler(row: Row, device: devices.Device) -> Callable[..., Any] | None:
    """Return what compiles a row's body on a device, None where it runs as it is."""
    return None if row.kind in ("creation", "update") else device.backend.compile


def _plain_body(row: Row, device: devices.Device) -> Callable[..., Any]:
    """Return a row's body on a device as it is, 16-bit floats computed in a wider dtype."""
    xp, narrow = namespace(device), narrow_of(device)
    body: Any = row.body

    def plain(*operands: Any, **statics: Any) -> Any:
        return body(xp, *operands, **statics)

    return _widened(plain, narrow, device) if narrow else plain


def _declining(kernel: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    def forward(*operands: Any, **statics: Any) -> Any:
        result = kernel(*operands, **statics)
        return otherwise(*operands, **statics) if result is NotImplemented else result

    return forward


def _host_forward(row: Row, device: devices.Device) -> Callable[..., Any]:
    """Run a row that the backend lacks on the host, announced once."""
    host = devices.host_device()
    announced: list[bool] = []
    dependent = row.name in DATA_DEPENDENT and not device.backend.data_dependent_shapes
    lack = "has no data-dependent shapes (its capability of that name)" if dependent else "does not offer it"

    def across(value: Any, there: bool) -> Any:
        if isinstance(value, (list, tuple)):
            parts = [across(v, there) for v in value]
            return parts if isinstance(value, list) else tuple(parts)
        if not hasattr(value, "dtype") or not hasattr(value, "shape"):
            return value
        return devices.transfer(value, device, host) if there else devices.transfer(value, host, device)

    def forward(*operands: Any, **statics: Any) -> Any:
        if not announced:
            announced.append(True)
            warnings.warn(
                f"{row.name}: backend {device.backend.name!r} {lack}; it runs on the host, with a copy there and back",
                HostFallbackWarning,
                stacklevel=4,
            )
        if "dtype" in statics and statics["dtype"] is not None:
            statics["dtype"] = host.native_dtype(device.dtype_of[statics["dtype"]])
        return across(implementation(row, host).forward(*[across(o, True) for o in operands], **statics), False)

    return forward


class Implementations(dict[Any, Implementation]):
    """A row's implementations by device, made on first use."""

    __slots__ = ("row",)

    def __init__(self, row: Row) -> None:
        self.row = row

    def __missing__(self, device: devices.Device) -> Implementation:
        if not device.levels:
            devices.resolver().find_kernels()
            made = self[device] = Implementation(self.row, device.resolved())
            return made
        # A transformation's implementations go when its device goes.
        own = device._implementations
        if self.row not in own:
            own[self.row] = Implementation(self.row, device)
        return own[self.row]


def implementations(row: Row) -> Implementations:
    """Return a row's implementations by device."""
    if row.implementations is None:
        row.implementations = Implementations(row)
    return row.implementations  # type: ignore[return-value]


def forget(backend: Backend, rows: Iterable[str] | None = None) -> None:
    """Let rows, by default all, choose their implementations anew on the devices of a backend that is in use."""
    for name in list(TABLE) if rows is None else rows:
        made = (TABLE[name].implementations or {}) if name in TABLE else {}
        for device in list(made):
            if device.physical.backend is backend:
                del made[device]
                vars(namespace(device)).pop(name, None)


def implementation(row: Row, device: devices.Device) -> Implementation:
    """Return a row's implementation on a device."""
    return implementations(row)[device]


def has_kernel(name: str, device: devices.Device) -> bool:
    """Say whether a device has a kernel of its own for a row; inside transformations there is none."""
    return implementations(TABLE[name])[device].source == "kernel"


class Namespace:
    """Every row's kernel for one device, on raw arrays, with creation bound to the device: the `xp` of the rules."""

    def __init__(self, device: devices.Device) -> None:
        self.device = device

    def __getattr__(self, name: str) -> Any:
        row = TABLE.get(name)
        if row is not None:
            function = _raw_function(row, self.device)
        elif name in _RAW_HELPERS:
            function = _RAW_HELPERS[name](self)
        else:
            raise AttributeError(f"no row of the table is named {name!r}")
        setattr(self, name, function)
        return function


def _raw_function(row: Row, device: devices.Device) -> Callable[..., Any]:
    # What is created has no levels: it is a constant in all of them.
    impl = implementation(row, device.physical if row.kind == "creation" else device)
    forward = impl.forward
    if impl.source == "library" or not (row.statics or any(o.optional for o in row.operands)):
        return forward
    # A kernel takes statics as rules write them; a body and a transformation read them as dispatch prepares them.
    prepare = row.prepare if impl.source != "kernel" else None
    if not device.levels and (made := _generated_raw(row, impl, prepare)) is not None:
        return made
    operands = len(row.operands)
    before = [s for s in row.statics if s.where == "before"]
    rest = [s for s in row.statics if s.where != "before"]
    defaults = {s.name: s.default for s in rest if not s.required}
    names = tuple(s.name for s in row.statics)
    positional = tuple(s.name for s in (*before, *rest))

    def raw(*args: Any, **kwargs: Any) -> Any:
        given, extra = args[:operands], args[operands:]
        if len(given) < operands:
            given = (*given, *(None,) * (operands - len(given)))
        statics = {**defaults, **dict(zip(positional, extra, strict=False)), **kwargs}
        if statics.get("dtype") is not None:
            statics["dtype"] = device.native_dtype(statics["dtype"], row.name)
        if prepare is not None and names:
            statics = dict(zip(names, prepare(device, *given, *[statics[n] for n in names]), strict=True))
        if before:
            return forward(*given, *(statics.pop(s.name) for s in before), **statics)
        return forward(*given, **statics)

    raw.__name__ = row.name
    return raw


def _generated_raw(row: Row, impl: Implementation, prepare: Any) -> Callable[..., Any] | None:
    """Generate a row's raw function with its own parameters, which costs a third of what takes any; or None."""
    statics = [s for s in row.statics if s.where == "before"] + [s for s in row.statics if s.where != "before"]
    optional = [o.optional for o in row.operands] + [not s.required for s in statics]
    if optional != sorted(optional):
        return None
    defaults = {f"_d{i}": s.default for i, s in enumerate(statics)}
    operands = [o.name for o in row.operands]
    names = [s.name for s in row.statics]
    heads = [o.name + ("=None" if o.optional else "") for o in row.operands]
    heads += [s.name if s.required else f"{s.name}=_d{i}" for i, s in enumerate(statics)]
    lines = [f"def {row.name}({', '.join(heads)}):"]
    if "dtype" in names:
        lines.append(f"    if dtype is not None:\n        dtype = _device.native_dtype(dtype, {row.name!r})")
    if prepare is not None and names:
        lines.append(f"    {', '.join(names)}, = _prepare({', '.join(['_device', *operands, *names])})")
    given = operands + [s.name if s.where == "before" else f"{s.name}={s.name}" for s in statics]
    if impl.run is impl.forward or impl.narrow:
        lines.append(f"    return _forward({', '.join(given)})")
    else:
        lines.append(f"    _r = _run({', '.join(given)})")
        lines.append(f"    return _r if _r is not NotImplemented else _declined({', '.join(given)})")
    scope: dict[str, Any] = {
        "__name__": __name__, "_device": impl.device, "_prepare": prepare, "_forward": impl.forward, "_run": impl.run,
        "_declined": impl.declined, **defaults,
    }  # fmt: skip
    exec(compile("\n".join(lines), f"<raw {row.name}>", "exec"), scope)
    return scope[row.name]


def _zeros_like(xp: Any) -> Callable[..., Any]:
    return lambda x, dtype=None: xp.zeros(x.shape, dtype=x.dtype if dtype is None else dtype)


def _ones_like(xp: Any) -> Callable[..., Any]:
    return lambda x, dtype=None: xp.ones(x.shape, dtype=x.dtype if dtype is None else dtype)


def _full_like(xp: Any) -> Callable[..., Any]:
    return lambda x, value, dtype=None: xp.full(x.shape, value, dtype=x.dtype if dtype is None else dtype)


_RAW_HELPERS: dict[str, Callable[[Namespace], Callable[..., Any]]] = {
    "zeros_like": _zeros_like,
    "ones_like": _ones_like,
    "full_like": _full_like,
}


def namespace(device: devices.Device) -> Any:
    """Return the namespace of raw kernels of a device."""
    if device._xp is None:
        device._xp = Namespace(device)
    return device._xp
