"""Calls that every device must refuse, each with the class and the text of its error.

Those that follow from a row's signature are made from a valid sample: an operand that is no tensor, shapes that do not
broadcast, dtypes that the row does not take, axes that are not there. Beside them a row has those of the function
``bad_<name>``, and of the functions that its ``errors=`` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from candelabra.conformance.drawing import Sample
from candelabra.core import errors
from candelabra.core.primitives.row import Row


class Bad(NamedTuple):
    """A bad call: what is wrong, the call, the error's class, and a pattern of its text."""

    what: str
    sample: Sample
    error: type[Exception]
    text: str


def floats(*shape: int) -> np.ndarray:
    """Return an array of a shape."""
    return np.ones(shape, dtype=np.float32)


def ints(*values: int) -> np.ndarray:
    """Return an array of indices."""
    return np.asarray(values, dtype=np.int64)


def changed(sample: Sample, **statics: Any) -> Sample:
    """Return a sample with other statics."""
    return Sample(sample.operands, {**sample.statics, **statics})


# Rows that one function alone is made of speak for it.
_SPEAKS_FOR = {"euclidean_norm": "vector_norm", "reflections": "geqrf"}


def name_of(row: Row) -> str:
    """Return a pattern of the names that a row's errors may begin with."""
    return f"(?:{row.name}|{_SPEAKS_FOR[row.name]})" if row.name in _SPEAKS_FOR else row.name


def from_signature(row: Row, sample: Sample) -> Iterator[Bad]:
    """Yield the bad calls that follow from a row's signature, made from a valid one."""
    operands = sample.operands
    name = name_of(row)
    first = row.operands[0]
    if first.is_list:
        yield Bad(
            "no list", Sample((3, *operands[1:]), sample.statics), errors.ArgumentTypeError, f"{row.name}: a list"
        )
    else:
        given = Sample(("seven", *operands[1:]), sample.statics)
        yield Bad("no tensor", given, errors.ArgumentTypeError, f"{row.name}: .*str")
    if row.batch == "elementwise" and len(row.operands) > 1 and all(isinstance(o, np.ndarray) for o in operands):
        shapes = [operands[0][..., None][..., :1].reshape(-1)[:1].repeat(n) for n in (2, 3)]
        if all(operands[0].dtype == o.dtype for o in operands):
            text = rf"{row.name}\(.*the shapes \(2,\) and \(3,\) do not broadcast; make sizes equal or 1"
            yield Bad("shapes", Sample((*shapes, *operands[2:])), errors.ShapeError, text)
    if "axis" in sample.statics and row.name not in ("expand_dims", "roll"):
        far = changed(sample, axis=99)
        yield Bad("axis", far, errors.AxisError, f"{name}.*axis 99 is out of bounds")
        odd = changed(sample, axis=1.5)
        yield Bad("kind of axis", odd, errors.ArgumentTypeError, rf"{name}.*1\.5|{name}.*float")


def of_row(row: Row) -> Iterator[Bad]:
    """Yield the bad calls that are written down for a row."""
    for name in (row.name, *row.errors):
        own = globals().get(f"bad_{name}")
        if own is not None:
            yield from own()


def bad_concat() -> Iterator[Bad]:
    yield Bad("nothing", Sample(([],), {"axis": 0}), errors.ArgumentTypeError, "concat: an empty list")
    other = Sample(([floats(2, 3), floats(2, 4)],), {"axis": 0})
    yield Bad("shapes", other, errors.ShapeError, r"concat.*\(2, 3\).*\(2, 4\)")


def bad_stack() -> Iterator[Bad]:
    other = Sample(([floats(2), floats(3)],), {"axis": 0})
    yield Bad("shapes", other, errors.ShapeError, r"stack.*\(2,\).*\(3,\)")


def bad_reshape() -> Iterator[Bad]:
    yield Bad("size", Sample((floats(2, 3),), {"shape": (4,)}), errors.ShapeError, r"reshape.*6 elements.*\(4,\)")
    yield Bad(
        "unknown", Sample((floats(4),), {"shape": (-1, -1)}), errors.ShapeError, "reshape: at most one size may be -1"
    )
    yield Bad("kind", Sample((floats(4),), {"shape": "four"}), errors.ArgumentTypeError, "reshape: a shape is")


def bad_broadcast_to() -> Iterator[Bad]:
    yield Bad("shape", Sample((floats(2),), {"shape": (3,)}), errors.ShapeError, r"broadcast_to.*\(2,\).*\(3,\)")


def bad_permute_dims() -> Iterator[Bad]:
    yield Bad("count", Sample((floats(2, 3),), {"axes": (0,)}), errors.AxisError, "permute_dims: 1 axes are given")
    yield Bad(
        "twice", Sample((floats(2, 3),), {"axes": (0, 0)}), errors.AxisError, "permute_dims: an axis stands twice"
    )


def bad_squeeze() -> Iterator[Bad]:
    yield Bad("size", Sample((floats(2, 1),), {"axis": 0}), errors.ShapeError, "squeeze: axis 0 .* has size 2, not 1")


def bad_pad() -> Iterator[Bad]:
    yield Bad(
        "pairs", Sample((floats(2, 3),), {"widths": ((1, 1),)}), errors.ShapeError, "pad: 1 .* for a tensor of 2 axes"
    )
    yield Bad("cut", Sample((floats(2),), {"widths": ((-3, 0),)}), errors.ShapeError, "pad: .* cuts more off axis 0")
    odd = Sample((floats(2),), {"widths": ((1, 0),), "mode": "mirror"})
    yield Bad("mode", odd, errors.ArgumentError, "pad: mode is one of 'constant', 'reflect', .*, not 'mirror'")
    seven = Sample((floats(2),), {"widths": ((1, 0),), "mode": "reflect", "value": 7.0})
    yield Bad("value", seven, errors.ArgumentError, "pad: value=7.0 has a meaning in mode 'constant' only")
    for mode, text in (("reflect", "reflecting"), ("circular", "circular padding .* wraps more than once")):
        wide = Sample((floats(2),), {"widths": ((3, 0),), "mode": mode})
        yield Bad(mode, wide, errors.ShapeError, f"pad: {text}")
    none = Sample((floats(2, 0),), {"widths": ((0, 0), (1, 0)), "mode": "replicate"})
    yield Bad("replicate", none, errors.ShapeError, "pad: axis 1 has no element to replicate")


def bad_repeat() -> Iterator[Bad]:
    yield Bad(
        "negative", Sample((floats(2),), {"repeats": -1}), errors.ShapeError, "repeat: repeats must not be negative"
    )


def bad_matmul() -> Iterator[Bad]:
    yield Bad("inner", Sample((floats(2, 3), floats(4, 5))), errors.ShapeError, r"matmul.*\(2, 3\) and \(4, 5\)")
    yield Bad("0-d", Sample((floats(), floats(2))), errors.ShapeError, "matmul: operands need at least one axis")


def bad_vecdot() -> Iterator[Bad]:
    yield Bad("sizes", Sample((floats(2), floats(3)), {"axis": -1}), errors.ShapeError, "vecdot: axis -1 has size 2")


def bad_slice() -> Iterator[Bad]:
    yield Bad("index", Sample((floats(2),), {"key": (5,)}), errors.IndexOutOfRangeError, "slice.*5")
    yield Bad("many", Sample((floats(2),), {"key": (0, 0)}), errors.IndexOutOfRangeError, "slice")


def bad_gather() -> Iterator[Bad]:
    yield Bad(
        "axes", Sample((floats(2, 2), ints(0)), {"axis": 0}), errors.ShapeError, "gather: index has 1 axes, x has 2"
    )


def bad_scatter_add() -> Iterator[Bad]:
    given = Sample((floats(2), ints(0, 1), floats(1)), {"axis": 0})
    yield Bad("source", given, errors.ShapeError, "scatter_add: index has size 2 on axis 0, more than 1")


def bad_scatter() -> Iterator[Bad]:
    given = Sample((floats(2, 2), ints(0), floats(2, 2)), {"axis": 0})
    yield Bad("axes", given, errors.ShapeError, "scatter: index has 1 axes, x has 2")
    given = Sample((floats(2), ints(0, 1), floats(1)), {"axis": 0})
    yield Bad("source", given, errors.ShapeError, "scatter: index has size 2 on axis 0, more than 1")
    given = Sample((floats(1, 2), ints(0, 1).reshape(2, 1), floats(2, 1)), {"axis": 1})
    yield Bad("index", given, errors.ShapeError, "scatter: index has size 2 on axis 0, x has 1")


def bad_scatter_reduce() -> Iterator[Bad]:
    given = Sample((floats(2), ints(0, 1), floats(2)), {"axis": 0, "reduce": "median"})
    yield Bad("reduce", given, errors.ArgumentError, "scatter_reduce: reduce is 'sum', .* or 'amin', not 'median'")
    given = Sample((floats(2), floats(2), floats(2)), {"axis": 0, "reduce": "sum"})
    yield Bad("dtype", given, errors.DTypeError, "scatter_reduce: indices are integers, not float32")


def bad_ctc_loss() -> Iterator[Bad]:
    x, rows = floats(4, 2, 3), ints(1, 1, 2, 1).reshape(2, 2)
    long, wrong = Sample((x, rows, ints(4, 4), ints(1))), Sample((x, ints(1, 2), ints(4, 4), ints(1, 1)))
    yield Bad("lengths", long, errors.ShapeError, r"ctc_loss: target_lengths have shape \(1,\), 2 sequences need")
    yield Bad("targets", wrong, errors.ShapeError, r"ctc_loss: log_probs \(T, N, C\) and targets \(N, S\) are needed")
    odd = Sample((x, floats(2, 2), ints(4, 4), ints(1, 1)))
    yield Bad("dtype", odd, errors.DTypeError, "ctc_loss: targets are integers, not float32")
    blank = Sample((x, rows, ints(4, 4), ints(1, 1)), {"blank": 3})
    yield Bad("blank", blank, errors.ArgumentError, "ctc_loss: blank is one of the 3 classes, got 3")


def bad_nll_loss() -> Iterator[Bad]:
    x = floats(2, 3)
    yield Bad("target", Sample((x, ints(0))), errors.ShapeError, r"nll_loss: .*\(2, 3\) wants .*\(2,\)")
    yield Bad("dtype", Sample((x, floats(2))), errors.DTypeError, "nll_loss: class indices are integers")
    yield Bad("class", Sample((x, ints(0, 3))), errors.IndexOutOfRangeError, "nll_loss.*3|gather.*3|take_along_axis.*3")
    yield Bad("weight", Sample((x, ints(0, 1), floats(2))), errors.ShapeError, "nll_loss: weight has shape")


def _bad_binary(name: str) -> Iterator[Bad]:
    yield Bad("shapes", Sample((floats(3), floats(3, 1))), errors.ShapeError, f"{name}: .* must have the same shape")
    odd = Sample((floats(2), floats(2)), {"reduction": "median"})
    yield Bad("reduction", odd, errors.ArgumentError, f"{name}: reduction is 'none', 'mean' or 'sum'")


def bad_binary_cross_entropy() -> Iterator[Bad]:
    return _bad_binary("binary_cross_entropy")


def bad_binary_cross_entropy_with_logits() -> Iterator[Bad]:
    return _bad_binary("binary_cross_entropy_with_logits")


def bad_smooth_l1_loss() -> Iterator[Bad]:
    odd = Sample((floats(2), floats(2)), {"reduction": "median"})
    yield Bad("reduction", odd, errors.ArgumentError, "smooth_l1_loss: reduction is 'none', 'mean' or 'sum'")
    negative = Sample((floats(2), floats(2)), {"width": -1.0})
    yield Bad("width", negative, errors.ArgumentError, "smooth_l1_loss: width is not negative, got -1.0")


def bad_index_add() -> Iterator[Bad]:
    given = Sample((floats(2, 3), ints(0), floats(2, 3)), {"axis": 0})
    yield Bad("source", given, errors.ShapeError, r"index_add: source has shape \(2, 3\), expected \(1, 3\)")


def bad_embedding() -> Iterator[Bad]:
    yield Bad("weight", Sample((floats(2), ints(0))), errors.ShapeError, "embedding: weight has 2 axes")
    given = Sample((floats(2, 2), ints(0)), {"padding_idx": 5})
    yield Bad("padding", given, errors.IndexOutOfRangeError, "embedding: padding_idx 5 is out of range for 2 entries")


def bad_linear() -> Iterator[Bad]:
    yield Bad("features", Sample((floats(2, 3), floats(4, 5))), errors.ShapeError, r"linear: input of shape \(2, 3\)")
    yield Bad(
        "bias", Sample((floats(2, 3), floats(4, 3), floats(5))), errors.ShapeError, r"linear: bias has shape \(5,\)"
    )


def bad_linear_activation() -> Iterator[Bad]:
    odd = Sample((floats(2, 3), floats(4, 3)), {"activation": "mish"})
    told = "linear_activation: activation is one of relu, gelu, gelu_tanh, silu, not 'mish'"
    yield Bad("activation", odd, errors.ArgumentError, told)


_HOW: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def bad_conv() -> Iterator[Bad]:
    image, weight = floats(1, 2, 4, 4), floats(3, 2, 2, 2)
    yield Bad("axes", Sample((floats(2, 4, 4), weight), _HOW), errors.ShapeError, "conv2d: input .* of as many axes")
    yield Bad("channels", Sample((image, floats(3, 1, 2, 2)), _HOW), errors.ShapeError, "conv2d: input has 2 channels")
    yield Bad(
        "kernel", Sample((image, floats(3, 2, 5, 5)), _HOW), errors.ShapeError, "conv2d: a kernel .* does not fit"
    )
    yield Bad("stride", Sample((image, weight), {**_HOW, "stride": (0, 1)}), errors.ArgumentError, "conv2d: stride")
    yield Bad("bias", Sample((image, weight, floats(2)), _HOW), errors.ShapeError, r"conv2d: bias has shape \(2,\)")
    below = {**_HOW, "padding": ((-1, 0), (0, 0))}
    yield Bad("padding", Sample((image, weight), below), errors.ArgumentError, "conv2d: padding .* crop the input")
    wide = {**_HOW, "padding": (1, 1, 1)}
    yield Bad("pairs", Sample((image, weight), wide), errors.ArgumentError, "conv2d: padding is an int, or 2 ints")


def bad_conv_input() -> Iterator[Bad]:
    how = {"x_shape": (1, 2, 4, 4), **_HOW}
    yield Bad("output", Sample((floats(1, 3, 4, 4), floats(3, 2, 2, 2)), how), errors.ShapeError,
              r"conv_input: the cotangent has shape \(1, 3, 4, 4\), expected \(1, 3, 3, 3\)")  # fmt: skip


def bad_conv_weight() -> Iterator[Bad]:
    how = {"weight_shape": (3, 2, 2, 2), **_HOW}
    yield Bad("output", Sample((floats(1, 2, 4, 4), floats(2, 3, 3, 3)), how), errors.ShapeError,
              r"conv_weight: the cotangent has shape \(2, 3, 3, 3\), expected \(1, 3, 3, 3\)")  # fmt: skip


def _bad_pool(name: str) -> Iterator[Bad]:
    image = floats(1, 1, 4, 4)
    yield Bad("axes", Sample((floats(4, 4),), {"kernel_size": 2}), errors.ShapeError, f"{name}: an input")
    empty = Sample((floats(1, 1, 0, 4),), {"kernel_size": 2})
    yield Bad("empty", empty, errors.ShapeError, f"{name}: only the batch may be empty")
    yield Bad("window", Sample((image,), {"kernel_size": 5}), errors.ShapeError, f"{name}: a window .* does not fit")
    wide = Sample((image,), {"kernel_size": 2, "padding": 2})
    yield Bad("padding", wide, errors.ArgumentError, f"{name}: padding .* at most half of kernel_size")
    triple = Sample((image,), {"kernel_size": (2, 2, 2)})
    yield Bad("kernel", triple, errors.ArgumentError, f"{name}: kernel_size is an int or 2 ints, not")
    broken = Sample((image,), {"kernel_size": 2.5})
    yield Bad("fraction", broken, errors.ArgumentTypeError, f"{name}: kernel_size is an int or 2 ints, not 2.5")


def bad_max_pool() -> Iterator[Bad]:
    yield from _bad_pool("max_pool")
    apart = Sample((floats(1, 1, 1),), {"kernel_size": 2, "padding": 1, "dilation": 2, "ceil_mode": True})
    yield Bad("hole", apart, errors.ShapeError, r"max_pool: with dilation \(2,\) .* holds no element")


def bad_max_pool_with_indices() -> Iterator[Bad]:
    return _bad_pool("max_pool_with_indices")


def bad_avg_pool() -> Iterator[Bad]:
    yield from _bad_pool("avg_pool")
    zero = Sample((floats(1, 1, 4, 4),), {"kernel_size": 2, "divisor_override": 0})
    yield Bad("divisor", zero, errors.ArgumentError, "avg_pool: divisor_override must not be zero")


def bad_adaptive_max_pool() -> Iterator[Bad]:
    image = floats(1, 1, 4, 4)
    below = Sample((image,), {"output_size": (2, -1)})
    yield Bad("negative", below, errors.ArgumentError, "adaptive_max_pool: output_size must not be negative")
    triple = Sample((image,), {"output_size": (2, 2, 2)})
    yield Bad("axes", triple, errors.ArgumentError, "adaptive_max_pool: output_size is an int, None or 2 of them")


def bad_adaptive_avg_pool() -> Iterator[Bad]:
    flat = Sample((floats(4, 4),), {"output_size": 2})
    yield Bad("axes", flat, errors.ShapeError, "adaptive_avg_pool: an input")
    below = Sample((floats(1, 1, 4),), {"output_size": -1})
    yield Bad("negative", below, errors.ArgumentError, "adaptive_avg_pool: output_size must not be negative")


def bad_interpolate() -> Iterator[Bad]:
    x = floats(1, 1, 4)
    odd = Sample((x,), {"size": 2, "mode": "sharp"})
    yield Bad("mode", odd, errors.ArgumentError, "interpolate: with antialias=False mode is one of .*, not 'sharp'")
    near = Sample((x,), {"size": 2, "mode": "nearest", "antialias": True})
    yield Bad("antialias", near, errors.ArgumentError, "interpolate: with antialias=True mode is one of")
    yield Bad("size", Sample((x,), {"size": 0}), errors.ShapeError, r"interpolate: sizes must be positive, got \(0,\)")
    two = Sample((x,), {"size": 2, "scale_factor": (1.0, 2.0)})
    yield Bad("factor", two, errors.ArgumentError, "interpolate: scale_factor is a number, None or 1 of them")


def bad_fft_c2c() -> Iterator[Bad]:
    x = np.ones((2, 0), dtype=np.complex64)
    yield Bad("empty", Sample((x,)), errors.ShapeError, r"fft_c2c: axis 1 of shape \(2, 0\) is empty")
    twice = Sample((np.ones((2, 2), dtype=np.complex64),), {"axis": (0, -2)})
    yield Bad("twice", twice, errors.AxisError, r"fft_c2c: an axis stands twice in \(0, -2\)")


def bad_fft_r2c() -> Iterator[Bad]:
    yield Bad("empty", Sample((floats(0),)), errors.ShapeError, r"fft_r2c: axis 0 of shape \(0,\) is empty")
    yield Bad("scale", Sample((floats(2),), {"scale": "1"}), errors.ArgumentTypeError, "fft_r2c: scale is a number")


def bad_fft_c2r() -> Iterator[Bad]:
    x = np.ones(2, dtype=np.complex64)
    yield Bad("size", Sample((x,), {"n": 4}), errors.ShapeError, "fft_c2r: half the spectrum of n=4 .* has 3 elements")
    yield Bad("none", Sample((x,), {"n": 0}), errors.ArgumentError, "fft_c2r: n must be positive, got 0")


def bad_im2col() -> Iterator[Bad]:
    wide = Sample((floats(1, 1, 4),), {"kernel_size": 5})
    yield Bad("window", wide, errors.ShapeError, r"im2col: a window of \(5,\) .* does not fit")
    still = Sample((floats(1, 1, 4),), {"kernel_size": 2, "stride": 0})
    yield Bad("stride", still, errors.ArgumentError, "im2col: kernel_size .* must be positive")


def bad_col2im() -> Iterator[Bad]:
    how = {"output_size": (4,), "kernel_size": (2,)}
    yield Bad("axes", Sample((floats(2, 3),), how), errors.ShapeError, "col2im: columns .* are needed")
    yield Bad("rows", Sample((floats(1, 3, 3),), how), errors.ShapeError, "col2im: 3 rows of columns do not divide")
    yield Bad("windows", Sample((floats(1, 2, 4),), how), errors.ShapeError, "col2im: output_size .* 3 columns, got 4")


def bad_max_unpool() -> Iterator[Bad]:
    x = floats(1, 1, 2)
    yield Bad("dtype", Sample((x, x), {"output_size": 4}), errors.DTypeError, "max_unpool: indices are integers")
    short = Sample((x, ints(0)), {"output_size": 4})
    yield Bad("shapes", short, errors.ShapeError, r"max_unpool: indices have shape \(1,\), the input \(1, 1, 2\)")
    none = Sample((x, ints(0, 1).reshape(1, 1, 2)), {"output_size": 0})
    yield Bad("size", none, errors.ArgumentError, "max_unpool: output_size must be positive")


def bad_layer_norm() -> Iterator[Bad]:
    yield Bad("axes", Sample((floats(2, 3),), {"axes": 3}), errors.ShapeError, "layer_norm: 3 trailing axes")
    yield Bad("weight", Sample((floats(2, 3), floats(2))), errors.ShapeError, r"layer_norm: weight has shape \(2,\)")


def bad_rms_norm() -> Iterator[Bad]:
    yield Bad("axes", Sample((floats(2, 3),), {"axes": 3}), errors.ShapeError, "rms_norm: 3 trailing axes")
    yield Bad("weight", Sample((floats(2, 3), floats(2))), errors.ShapeError, r"rms_norm: weight has shape \(2,\)")


def bad_group_norm() -> Iterator[Bad]:
    yield Bad("axes", Sample((floats(3),), {"num_groups": 1}), errors.ShapeError, "group_norm: at least")
    odd = Sample((floats(2, 3),), {"num_groups": 2})
    yield Bad("groups", odd, errors.ShapeError, "group_norm: num_groups=2 must be positive and divide the 3 channels")
    wrong = Sample((floats(2, 4), floats(2)), {"num_groups": 2})
    yield Bad("weight", wrong, errors.ShapeError, r"group_norm: weight has shape \(2,\)")


def bad_batch_norm() -> Iterator[Bad]:
    yield Bad("axes", Sample((floats(3),)), errors.ShapeError, "batch_norm: at least")
    yield Bad(
        "one value", Sample((floats(1, 3),)), errors.ShapeError, "batch_norm: expected more than one value per channel"
    )


def bad_cross_entropy() -> Iterator[Bad]:
    x = floats(2, 3)
    yield Bad("target", Sample((x, ints(0))), errors.ShapeError, r"cross_entropy: .*\(2, 3\) wants .*\(2,\)")
    yield Bad("dtype", Sample((x, floats(2))), errors.DTypeError, "cross_entropy: class indices are integers")
    yield Bad("class", Sample((x, ints(0, 3))), errors.IndexOutOfRangeError, "cross_entropy.*3")
    odd = Sample((x, ints(0, 1)), {"reduction": "median"})
    yield Bad(
        "reduction", odd, errors.ArgumentError, "cross_entropy: reduction is 'none', 'mean' or 'sum', not 'median'"
    )


def bad_attention() -> Iterator[Bad]:
    q, k, v = floats(2, 4), floats(3, 4), floats(3, 5)
    yield Bad("features", Sample((floats(2, 3), k, v)), errors.ShapeError, "attention: q .* do not fit")
    both = Sample((q, k, v, floats(2, 3)), {"is_causal": True})
    yield Bad("mask", both, errors.ArgumentError, "attention: give a mask or is_causal=True, not both")
    text = r"attention: a mask of shape \(2, 4\) does not broadcast to \(..., L, S\) = \(..., 2, 3\)"
    yield Bad("shape of the mask", Sample((q, k, v, floats(2, 4))), errors.ShapeError, text)
    whole = Sample((q, k, v, ints(1, 2, 3)))
    yield Bad("dtype of the mask", whole, errors.DTypeError, "attention: a mask is boolean .* or floating-point")


def _bad_batch_sizes(name: str, operands: tuple[Any, ...]) -> Iterator[Bad]:
    """Of a recurrent row, given 5 steps and 2 rows."""
    for what, sizes, text in (
        ("count", (2, 2), "batch_sizes has 2 entries for 5 steps"),
        ("first", (1, 1, 1, 1, 1), "batch_sizes starts with the batch's 2 rows .* got"),
        ("rising", (2, 1, 2, 1, 1), "sort the sequences by length"),
        ("none", (2, 2, 1, 1, 0), "falls to no less than 1"),
    ):
        yield Bad(what, Sample(operands, {"batch_sizes": sizes}), errors.ArgumentError, f"{name}: .*{text}")
    odd = Sample(operands, {"batch_sizes": 2})
    yield Bad("kind", odd, errors.ArgumentTypeError, f"{name}: batch_sizes is a sequence of ints")


def bad_rnn() -> Iterator[Bad]:
    x, h, w_ih, w_hh = floats(5, 2, 3), floats(2, 4), floats(4, 3), floats(4, 4)
    yield Bad("weights", Sample((x, h, floats(4, 2), w_hh)), errors.ShapeError, "rnn: x .* do not fit")
    yield Bad("state", Sample((x, floats(1, 4), w_ih, w_hh)), errors.ShapeError, "rnn: the state h0 has shape")
    odd = Sample((x, h, w_ih, w_hh), {"nonlinearity": "gelu"})
    yield Bad("nonlinearity", odd, errors.ArgumentError, "rnn: nonlinearity is 'tanh' or 'relu', not 'gelu'")
    yield from _bad_batch_sizes("rnn", (x, h, w_ih, w_hh))


def bad_gru() -> Iterator[Bad]:
    x, h, w_ih, w_hh = floats(5, 2, 3), floats(2, 4), floats(12, 3), floats(12, 4)
    yield Bad("weights", Sample((x, h, w_ih, floats(16, 4))), errors.ShapeError, "gru: x .* do not fit")
    yield Bad("bias", Sample((x, h, w_ih, w_hh, None, floats(4))), errors.ShapeError, "gru: b_hh has shape")
    yield Bad("axes", Sample((x, h, w_ih, floats(4))), errors.ShapeError, r"gru: w_hh has shape \(4,\), a matrix")
    yield from _bad_batch_sizes("gru", (x, h, w_ih, w_hh))


def bad_lstm() -> Iterator[Bad]:
    x, h, w_ih, w_hh = floats(5, 2, 3), floats(2, 4), floats(16, 3), floats(16, 4)
    yield Bad("weights", Sample((x, h, h, floats(16, 2), w_hh)), errors.ShapeError, "lstm: x .* do not fit")
    yield Bad("state", Sample((x, h, floats(1, 4), w_ih, w_hh)), errors.ShapeError, "lstm: the state c0 has shape")
    yield Bad("bias", Sample((x, h, h, w_ih, w_hh, floats(4))), errors.ShapeError, "lstm: b_ih has shape")
    projection = Sample((x, h, h, w_ih, w_hh, None, None, floats(3, 4)))
    yield Bad("projection", projection, errors.ShapeError, "lstm: w_hr .* do not fit")
    yield from _bad_batch_sizes("lstm", (x, h, h, w_ih, w_hh))


def bad_gelu() -> Iterator[Bad]:
    odd = Sample((floats(2),), {"approximate": "roughly"})
    yield Bad("approximate", odd, errors.ArgumentError, "gelu: approximate is 'none' or 'tanh', not 'roughly'")
