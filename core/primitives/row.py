"""A row of the table, and its kinds.

A row says once what an operation is: its signature in the standard's own spelling (what stands before ``/`` is an
operand, ``[name]`` a list of operands, ``<name>`` a static before the slash, the rest static and hashable), how it
differentiates, how it batches, what it means (`body`). Everything else in candelabra reads it.
"""

from __future__ import annotations

import ast
import os.path
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from .. import dtypes
from ..errors import RegistrationError


class Table(dict[str, "Row"]):
    """The rows by name. Families in `late` are read when a row is not found, or all are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.late: tuple[str, ...] = ()
        self._lock = threading.RLock()

    def read(self) -> None:
        """Read the families that have not been needed yet."""
        # Whoever comes while another thread reads waits here.
        with self._lock:
            names, self.late = self.late, ()
            try:
                for name in names:
                    import_module(f".{name}", __package__)
            except BaseException:
                self.late = names
                raise

    def __missing__(self, name: str) -> Row:
        self.read()
        if dict.__contains__(self, name):
            return dict.__getitem__(self, name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a row, or the default."""
        if not dict.__contains__(self, name):
            self.read()
        return dict.get(self, name, default)

    def __contains__(self, name: object) -> bool:
        if not dict.__contains__(self, name):
            self.read()
        return dict.__contains__(self, name)

    def __iter__(self) -> Iterator[str]:
        self.read()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self.read()
        return dict.__len__(self)

    def keys(self) -> Any:
        """Return the names of all rows."""
        self.read()
        return dict.keys(self)

    def values(self) -> Any:
        """Return all rows."""
        self.read()
        return dict.values(self)

    def items(self) -> Any:
        """Return all names and rows."""
        self.read()
        return dict.items(self)


TABLE = Table()

_CORE = os.path.dirname(os.path.dirname(__file__))
RESERVED = frozenset({"xp", "g", "t", "wants", "out"})


class Operand(NamedTuple):
    """An operand of a row."""

    name: str
    optional: bool = False
    is_list: bool = False


class Static(NamedTuple):
    """A static argument of a row."""

    name: str
    default: Any = None
    required: bool = False
    where: str = "keyword"  # "before" the slash, "positional" or "keyword"


class Row:
    """One operation of the table. Made by `elementwise`, `linear`, `bilinear`, `general`, `discrete`, `creation`.

    `beyond` says what the row means for dtypes that the standard's function need not take (the sum of booleans).
    `standard` is True where the standard's main namespace has the function, or the name of the extension that has it;
    `canonical` makes of a library's outputs those that the rules are written for, where the standard leaves a choice
    (the phases of complex eigenvectors). Without `materialize` the rules of a row of several outputs get None, not zeros,
    as the cotangents of those that nobody used.

    Three options are for the conformance suite. `samples` names a generator of valid calls, or the domains of an
    elementwise row's operands ("positive, (-1, 1)"); without it the generator of the row's name, or "real". `reference`
    names what values are compared with ("numpy.tanh", "math.erf", "references.name"); without it the reference of the
    row's name, or NumPy's function. A plugin's row hands over both as functions. `errors` names bad inputs beside those that follow from the signature.
    """

    __slots__ = (
        "batch", "beyond", "bilinear", "body", "canonical", "category", "diagnose", "differentiable", "doc", "errors", "example", "fallback", "floating",
        "function", "implementations", "jvp", "kind", "materialize", "name", "operands", "outputs", "partials", "place", "prepare",
        "promote", "reference", "samples", "signature", "standard", "statics", "tolerance", "vjp",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        name: str,
        signature: str,
        doc: str = "",
        *,
        category: str = "all",
        partials: Sequence[Any] | None = None,
        vjp: Any = None,
        jvp: Callable[..., Any] | None = None,
        batch: str | Callable[..., Any] | None = None,
        body: Callable[..., Any] | None = None,
        beyond: Callable[..., Any] | None = None,
        canonical: Callable[..., Any] | None = None,
        outputs: tuple[str, ...] = ("out",),
        differentiable: tuple[bool, ...] | None = None,
        materialize: bool = True,
        promote: tuple[str, ...] | None = None,
        floating: bool = False,
        standard: bool | str | None = None,
        prepare: Callable[..., Any] | None = None,
        diagnose: Callable[..., Any] | None = None,
        reference: str | Callable[..., Any] = "",
        samples: str | Callable[..., Any] = "",
        errors: tuple[str, ...] = (),
        example: str = "",
        tolerance: float = 1.0,
        depth: int = 2,
    ) -> None:
        caller = sys._getframe(depth)
        self.place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        if not self.place.startswith(_CORE):
            # A row of somebody else's must not take the name of one that has not been read yet.
            TABLE.read()
        if dict.__contains__(TABLE, name):
            raise RegistrationError(
                f"row {name!r} is registered twice: first at {TABLE[name].place}, again at {self.place}"
            )
        self.kind, self.name, self.signature, self.doc = kind, name, signature, doc
        self.operands, self.statics = parse_signature(name, signature)
        self.category = category
        if category not in dtypes.CATEGORIES:
            raise RegistrationError(f"row {name!r}: {category!r} is no dtype category")
        self.partials, self.vjp, self.jvp, self.batch, self.body = partials, vjp, jvp, batch, body
        self.beyond, self.canonical, self.materialize = beyond, canonical, materialize
        self.bilinear = False
        self.outputs = outputs
        self.differentiable = differentiable or (kind not in ("discrete", "creation"),) * len(outputs)
        self.promote = tuple(o.name for o in self.operands) if promote is None else promote
        self.floating = floating
        self.standard = body is None if standard is None else standard
        # `prepare` checks and normalizes statics before the kernel runs; `diagnose` is called only once it has failed.
        self.prepare, self.diagnose = prepare, diagnose
        self.reference, self.samples, self.errors = reference, samples, errors
        self.example, self.tolerance = example, tolerance
        self.fallback: dict[Any, str] = {}
        self.function: Any = None
        self.implementations: dict[Any, Any] | None = None
        rules = self.rules()
        if rules:
            names = self.names()
            for rule in rules:
                check_rule(self, rule, names=names)
        TABLE[name] = self

    def rules(self) -> list[Callable[..., Any]]:
        """Return the row's rules, whatever its kind."""
        found: list[Any] = []
        for part in (self.partials, self.vjp):
            found += part if isinstance(part, (tuple, list)) else [part]
        return [rule for rule in found if callable(rule)]

    def names(self) -> frozenset[str]:
        """Return the names that a rule of the row may ask for."""
        operands = [o.name for o in self.operands]
        return (
            RESERVED | set(operands) | {f"{o}_shape" for o in operands} | {f"{o}_dtype" for o in operands}
            | {s.name for s in self.statics} | set(self.outputs)
        )  # fmt: skip

    @property
    def has_list(self) -> bool:
        """Whether the last operand is a list."""
        return bool(self.operands) and self.operands[-1].is_list

    @property
    def takes_complex(self) -> bool:
        """Whether complex operands are in the row's category."""
        return dtypes.complex64 in dtypes.CATEGORIES[self.category]

    @property
    def checks_dtypes(self) -> bool:
        """Whether some dtypes are cast or refused before the kernel sees them."""
        return self.floating or not self.takes_complex

    @property
    def is_differentiable(self) -> bool:
        """Whether a gradient flows through the row."""
        return any(self.differentiable)

    def __repr__(self) -> str:
        return f"<{self.kind} row {self.name}({self.signature})>"


def rule_names(rule: Callable[..., Any]) -> tuple[str, ...]:
    """Return the parameter names of a rule."""
    code = rule.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def check_rule(
    row: Row, rule: Callable[..., Any], extra: Sequence[str] = (), *, names: frozenset[str] | None = None
) -> None:
    """Refuse a rule that asks for something the row does not have."""
    allowed = (names or row.names()) | set(extra)
    for name in rule_names(rule):
        if name not in allowed:
            raise RegistrationError(
                f"row {row.name!r}: a rule asks for {name!r}, which is neither an operand, <operand>_shape, "
                f"<operand>_dtype, an output, a static, a residual, nor xp, g, t or wants (row at {row.place})"
            )


def parse_signature(name: str, text: str) -> tuple[tuple[Operand, ...], tuple[Static, ...]]:
    """Read a row's signature."""
    before, slash, after = text.partition("/")
    operands: list[Operand] = []
    statics: list[Static] = []
    for part in _split(before if slash else ""):
        if part.startswith("<"):
            statics.append(Static(part.strip("<>"), required=True, where="before"))
        elif part.startswith("["):
            operands.append(Operand(part.strip("[]"), is_list=True))
        else:
            operand, equals, default = part.partition("=")
            if equals and default.strip() != "None":
                raise RegistrationError(f"row {name!r}: an optional operand's default is None, not {default}")
            operands.append(Operand(operand.strip(), optional=bool(equals)))
    where = "positional"
    for part in _split(after if slash else before):
        if part == "*":
            where = "keyword"
            continue
        static, equals, default = part.partition("=")
        value = _literal(default.strip()) if equals else None
        statics.append(Static(static.strip(), value, not equals, where))
    return tuple(operands), tuple(statics)


_LITERALS: dict[str, Any] = {"None": None, "False": False, "True": True, "0": 0, "-1": -1, "1": 1}


def _literal(text: str) -> Any:
    # The table is read at every import; most defaults are one of these.
    return _LITERALS[text] if text in _LITERALS else ast.literal_eval(text)


def _split(text: str) -> list[str]:
    if "(" not in text and "[" not in text and "{" not in text:
        return [p for p in map(str.strip, text.split(",")) if p]
    parts, depth, current = [], 0, ""
    for character in text:
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [p.strip() for p in [*parts, current] if p.strip()]


def elementwise(name: str, signature: str, doc: str = "", *, d: Any = (), **options: Any) -> Row:
    """Register a row that works element by element with broadcasting; `d` holds one partial per operand.

    A partial is a rule that returns the partial derivative of a holomorphic function, None for a partial of one, or
    the number -1. Without `d` the row has no derivative.
    """
    partials = d if isinstance(d, tuple) else (d,)
    options.setdefault("batch", "elementwise")
    options.setdefault("category", "numeric")
    kind = "elementwise" if d != () else "discrete"
    return Row(kind, name, signature, doc, partials=partials if d != () else None, **options)


def linear(name: str, signature: str, doc: str = "", *, transpose: Any, **options: Any) -> Row:
    """Register a row that is jointly linear in the operands that have a transpose."""
    return Row("linear", name, signature, doc, vjp=transpose, **options)


def bilinear(name: str, signature: str, doc: str = "", *, transpose: Any, **options: Any) -> Row:
    """Register a row that is linear in each of two operands."""
    row = Row("bilinear", name, signature, doc, vjp=transpose, **options)
    row.bilinear = True
    return row


def general(name: str, signature: str, doc: str = "", *, vjp: Any = None, **options: Any) -> Row:
    """Register a differentiable row with rules of its own, or whose `body` is differentiated."""
    return Row("general", name, signature, doc, vjp=vjp, **options)


def discrete(name: str, signature: str, doc: str = "", **options: Any) -> Row:
    """Register a row without a derivative."""
    return Row("discrete", name, signature, doc, **options)


def creation(name: str, signature: str, doc: str = "", **options: Any) -> Row:
    """Register a row without operands: its function takes a device."""
    return Row("creation", name, signature, doc, **options)
