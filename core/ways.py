"""In which ways a row differentiates and batches, read from the row: for reports and ``docs/operations.md``."""

from __future__ import annotations

from .primitives.row import Row

# The number of distinct or of nonzero values is nothing that a batch could share.
DATA_DEPENDENT = frozenset({"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"})


def reverse_mode(row: Row) -> str:
    """Return by what a cotangent goes back through a row, "" where none does.

    The same rules are recorded under ``create_graph``, so what holds once holds twice.

    Parameters
    ----------
    row : Row
        A row of the table.

    Returns
    -------
    str
        "partials" (one per operand), "transpose" (of a linear operation), "rule", "body" (what the row is made of),
        or "".

    Examples
    --------
    >>> from candelabra.core.primitives import TABLE
    >>> reverse_mode(TABLE["tanh"]), reverse_mode(TABLE["reshape"]), reverse_mode(TABLE["argmax"])
    ('partials', 'transpose', '')
    """
    if not row.is_differentiable or row.kind in ("creation", "update"):
        return ""
    if row.partials is not None:
        return "partials"
    if row.vjp is None:
        return "body"
    return "transpose" if row.kind in ("linear", "bilinear") else "rule"


def forward_mode(row: Row) -> str:
    """Return by what a tangent goes through a row, "" where none does.

    Parameters
    ----------
    row : Row
        A row of the table.

    Returns
    -------
    str
        "partials", "rule", "itself" (a linear operation, applied to the tangent), "product rule", "body", "transposed"
        (the transpose of the reverse rule), or "".

    Examples
    --------
    >>> from candelabra.core.primitives import TABLE
    >>> forward_mode(TABLE["reshape"]), forward_mode(TABLE["matmul"])
    ('itself', 'product rule')
    """
    if not reverse_mode(row):
        return ""
    if row.partials is not None:
        return "partials"
    if row.jvp is not None:
        return "rule"
    if row.kind == "linear":
        return "itself"
    if row.bilinear:
        return "product rule"
    return "body" if row.body is not None and row.name not in BODY_LOSES else "transposed"


# Bodies that do not know what the reverse rule knows: where the derivative is taken to be zero.
BODY_LOSES = frozenset({"sign", "var", "std"})


def batching(row: Row) -> str:
    """Return by what a row runs under `vmap`, "" where it has no operands or is an optimizer's step.

    Parameters
    ----------
    row : Row
        A row of the table.

    Returns
    -------
    str
        "elementwise", "axis" (the axis moves one place), "leading" (one more leading axis), "merge" (into the
        operation's own batch axis), "rule", "body", "loop" (once per element) or "refused" (the shape would depend on
        the data).

    Examples
    --------
    >>> from candelabra.core.primitives import TABLE
    >>> batching(TABLE["tanh"]), batching(TABLE["sum"]), batching(TABLE["nonzero"])
    ('elementwise', 'axis', 'refused')
    """
    from .transforms.batching_rules import NO_BODY, RULES

    if not row.operands or row.kind == "update":
        return ""
    if row.name in DATA_DEPENDENT:
        return "refused"
    if isinstance(row.batch, str):
        return row.batch
    if row.batch is not None or row.name in RULES:
        return "rule"
    return "body" if row.body is not None and row.name not in NO_BODY else "loop"
