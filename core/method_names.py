"""Which methods are thin names over a function, which cast, and which write in place by a row of the table."""

from __future__ import annotations

from typing import Any

# Methods that hand all their arguments to the function of the same name.
FORWARDED = (
    "abs", "exp", "log", "log1p", "log2", "log10", "expm1", "sqrt", "rsqrt", "square", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "atan2", "floor", "ceil", "trunc", "sign",
    "reciprocal", "erf", "erfc", "sigmoid", "relu", "isnan", "isinf", "isfinite", "logical_and", "logical_or",
    "logical_not", "logical_xor", "maximum", "minimum", "matmul", "mm", "bmm", "dot", "outer", "clip", "clamp", "conj",
    "remainder", "take", "masked_fill", "masked_select", "t", "movedim", "moveaxis", "allclose", "isclose", "nonzero",
    "unique", "astype", "broadcast_to", "repeat_interleave", "tensordot", "multinomial", "bernoulli", "addmm",
    "copysign", "floor_divide", "hypot", "expand_dims", "permute_dims", "vecdot", "lgamma", "digamma", "erfinv", "sinc",
    "i0", "xlogy", "logit", "topk", "kthvalue", "median", "nanmedian", "quantile", "nanquantile", "msort", "cummax",
    "cummin", "logcumsumexp", "diagonal", "diag", "diag_embed", "diagflat", "kron", "rot90", "nansum", "nanmean",
    "bincount", "histc", "histogram", "uniform_", "normal_", "bernoulli_", "random_", "exponential_", "cauchy_",
    "geometric_", "log_normal_", "equal", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift",
    "bitwise_right_shift", "multiply", "negative", "positive", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "logaddexp", "logaddexp2", "nextafter", "signbit", "exp2", "stft", "istft", "split_with_sizes",
    "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "nonzero_static", "addbmm", "addmv", "addr", "baddbmm",
    "adjoint", "aminmax", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argwhere",
    "cholesky", "cholesky_inverse", "cholesky_solve", "clamp_max", "clamp_min", "conj_physical", "corrcoef", "cov",
    "cross", "deg2rad", "det", "diagonal_scatter", "dist", "dsplit", "fix", "fliplr", "flipud", "float_power", "fmax",
    "fmin", "fmod", "frac", "frexp", "gcd", "geqrf", "ger", "heaviside", "hsplit", "igamma", "igammac", "inner",
    "inverse", "is_nonzero", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "logdet", "lu", "lu_solve", "matrix_exp",
    "matrix_power", "mode", "mv", "mvlgamma", "nan_to_num", "narrow_copy", "orgqr", "ormqr", "pinverse", "qr",
    "rad2deg", "ravel", "renorm", "select_scatter", "sgn", "slice_scatter", "slogdet", "svd", "tensor_split", "trace",
    "triangular_solve", "unfold", "unique_consecutive", "vdot", "vsplit", "as_strided", "as_strided_scatter", "lerp",
    "addcmul", "addcdiv",
)  # fmt: skip
# Methods of our own that are called often: these check what they are given themselves.
OFTEN = frozenset((
    "add", "add_", "clone", "contiguous", "copy_", "cpu", "cuda", "dim", "div", "expand", "fill_", "flatten",
    "index_select", "mean", "narrow", "numel", "permute", "pow", "reshape", "select", "softmax", "squeeze", "sub",
    "sub_", "swapaxes", "to", "transpose", "unsqueeze", "view", "where", "zero_",
))  # fmt: skip
# Other names of functions.
ALIASES = {
    "nelement": "numel", "bitwise_not": "bitwise_invert",
    "mul": "multiply", "true_divide": "divide", "neg": "negative", "eq": "equal",
    "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "absolute": "abs",
}  # fmt: skip
# In-place methods that compute a row of the table, where the backend may write into the tensor's own memory.
IN_PLACE = {
    "mul_": "multiply", "multiply_": "multiply", "true_divide_": "divide",
}  # fmt: skip
CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "int": "int32", "long": "int64",
    "short": "int16", "bool": "bool", "byte": "uint8", "char": "int8", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip
# What PyTorch calls the operands after the tensor itself, where it is not `other`.
OPERANDS = {
    "addbmm": ("batch1", "batch2"), "addmm": ("mat1", "mat2"), "addmv": ("mat", "vec"), "addr": ("vec1", "vec2"),
    "baddbmm": ("batch1", "batch2"), "bmm": ("mat2",), "broadcast_to": ("size",), "cholesky_solve": ("input2",),
    "dot": ("tensor",), "float_power": ("exponent",), "ger": ("vec2",), "lu_solve": ("LU_data", "LU_pivots"),
    "masked_fill": ("mask", "value"), "masked_select": ("mask",), "matrix_power": ("n",), "mm": ("mat2",),
    "moveaxis": ("source", "destination"), "mv": ("vec",), "orgqr": ("input2",), "ormqr": ("input2", "input3"),
    "outer": ("vec2",), "pow": ("exponent",), "take": ("index",), "triangular_solve": ("A",),
}  # fmt: skip


def spelled(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return a function's operands by position; those that are named as in PyTorch are taken out of the rest."""
    names = OPERANDS.get(name, ("other",))
    while len(args) < len(names) and names[len(args)] in kwargs:
        args = (*args, kwargs.pop(names[len(args)]))
    return args
