"""Functions that move, select and join elements, indexing and index assignment, and products, against PyTorch's."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest

rng = np.random.default_rng(0)
A, B = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
CUBE = rng.standard_normal((2, 3, 4))
ROW, SCALAR = rng.standard_normal(4), np.asarray(0.7)
TALL = rng.standard_normal((5, 3, 4, 2))
TRUTHS = rng.random((3, 4)) > 0.5
WHERE = rng.random((2, 3, 4)) > 0.5
INTEGERS = rng.integers(-5, 6, (3, 4))
COMPLEX = A + 1j * B


def case(name, ours, theirs, *inputs, **options):
    return pytest.param(ours, theirs, inputs, options, id=name)


def same(text, *inputs, **options):
    """One expression for both: `t` is the namespace."""
    body = eval(f"lambda t, x, y=None, z=None: {text}")
    return pytest.param(lambda *v: body(cb, *v), lambda t, *v: body(t, *v), inputs, options, id=text)


MOVES = [
    same("t.reshape(x, (4, 6))", CUBE),
    same("x.reshape(-1)", CUBE),
    same("x.reshape(2, -1)", CUBE),
    same("x.view(6, 4)", CUBE),
    same("x.view(-1, 2, 2)", CUBE),
    same("x.permute(2, 0, 1)", CUBE),
    same("x.permute((-1, 0, 1))", CUBE),
    same("x.transpose(0, -1)", CUBE),
    same("x.swapaxes(0, 1)", CUBE),
    same("t.transpose(x, 1, 2)", CUBE),
    same("x.t()", A),
    same("x.T", A),
    same("x.mT", CUBE),
    same("t.moveaxis(x, 0, 2)", CUBE),
    same("t.movedim(x, (0, 1), (2, 0))", CUBE),
    same("x.squeeze(1)", CUBE[:, :1]),
    same("x.squeeze()", CUBE[:1, :1]),
    same("x.squeeze()", CUBE),
    same("x.unsqueeze(0)", CUBE),
    same("x.unsqueeze(-1)", CUBE),
    same("x.unsqueeze(1)", SCALAR[None]),
    same("t.unsqueeze(x, -2)", CUBE),
    same("x.expand(5, 3, 4)", A),
    same("x.expand(-1, 4)", A[:, :1]),
    same("x.expand_as(y)", ROW, A),
    same("x.view_as(y)", A, A.reshape(2, 6)),
    same("t.broadcast_to(x, (2, 3, 4))", ROW),
    same("x.flatten()", CUBE),
    same("x.flatten(1)", CUBE),
    same("t.flatten(x, 0, 1)", CUBE),
    same("x.flatten()", SCALAR),
    same("x.unflatten(2, (2, 2))", CUBE),
    same("x.unflatten(-1, (-1, 2))", CUBE),
    case("flip", lambda x: cb.flip(x, axis=(0, 2)), lambda t, x: t.flip(x, (0, 2)), CUBE),
    case("flip all", lambda x: cb.flip(x), lambda t, x: t.flip(x, (0, 1, 2)), CUBE),
    same("x.flip(0)", CUBE),
    same("x.flip(0, -1)", CUBE),
    same("x.flip((1, 2))", CUBE),
    case("roll", lambda x: cb.roll(x, 2, axis=1), lambda t, x: t.roll(x, 2, 1), CUBE),
    case("roll all", lambda x: cb.roll(x, -3), lambda t, x: t.roll(x, -3), CUBE),
    same("x.roll((1, -2), (0, 2))", CUBE),
    same("x.roll(1, 0)", CUBE),
    same("t.tile(x, (2, 1, 3))", A),
    same("x.tile(2)", CUBE),
    same("x.tile(2, 2)", A),
    case("repeat", lambda x: cb.repeat(x, 3, axis=1), lambda t, x: t.repeat_interleave(x, 3, 1), CUBE),
    same("x.repeat_interleave(2)", A),
    same("x.repeat_interleave(2, 0)", A),
    same("t.repeat_interleave(x, y, dim=1)", A, np.array([1, 0, 2, 3])),
    same("t.cat([x, y], 0)", A, B),
    same("t.cat([x, y], dim=-1)", A, B),
    same("t.cat([x, x])", A),
    same("t.concat([x, y])", A, B),
    same("t.cat([x, y])", A, INTEGERS),
    same("t.stack([x, y])", A, B),
    case("stack last", lambda x, y: cb.stack([x, y], axis=-1), lambda t, x, y: t.stack([x, y], -1), A, B),
    same("t.hstack([x, y])", A, B),
    same("t.vstack([x, y])", ROW, A),
    same("t.unbind(x)", CUBE),
    same("x.unbind(-1)", CUBE),
    case("unstack", lambda x: cb.unstack(x, axis=1), lambda t, x: t.unbind(x, 1), CUBE),
    same("x.split(2)", TALL),
    same("x.split(2, 1)", TALL),
    same("x.split((1, 3), dim=2)", TALL),
    same("x.split([1, 3], 2)", TALL),
    same("x.chunk(2)", TALL),
    same("x.chunk(3, dim=0)", TALL),
    same("x.chunk(7, -1)", TALL),
    same("t.tril(x)", CUBE),
    case("triu", lambda x: cb.triu(x, k=1), lambda t, x: t.triu(x, 1), CUBE),
    same("x.tril(-1)", CUBE),
    same("x.triu(1)", CUBE),
    case("pad", lambda x: cb.pad(x, widths=((0, 0), (1, 2), (3, 0)), value=1.5),
         lambda t, x: t.nn.functional.pad(x, (3, 0, 1, 2), value=1.5), CUBE),
    case("pad by less than nothing", lambda x: cb.pad(x, widths=((0, 0), (-1, 2), (0, -2))),
         lambda t, x: t.nn.functional.pad(x, (0, -2, -1, 2)), CUBE),
    case("meshgrid", lambda x, y: cb.meshgrid(x, y), lambda t, x, y: t.meshgrid(x, y, indexing="xy"), ROW, A[0, :2]),
    same("t.meshgrid(x, y, indexing='ij')", ROW, A[0, :2]),
    same("t.where(x > 0, x, y)", A, B),
    same("t.where(x > 0, x, 0.0)", A),
    same("t.where(x > 0)", A),
    same("x.where(x > 0, y)", A, B),
    same("x.masked_fill(x > 0, -1.0)", A),
    same("x.masked_fill(y, 2.0)", CUBE, TRUTHS),
    same("x.masked_select(y)", A, TRUTHS),
    same("t.masked_select(x, y)", CUBE, TRUTHS),
    same("x.index_select(1, y)", A, np.array([2, 0, 2])),
    same("t.index_select(x, -1, y)", CUBE, np.array([3, 3])),
    case("take", lambda x, i: cb.take(x, i, axis=1),
         lambda t, x, i: t.index_select(x, 1, i), CUBE, np.array([2, 2, 0])),
    same("x.narrow(1, 1, 2)", CUBE),
    same("x.narrow(-1, -2, 2)", CUBE),
    same("x.select(1, -1)", CUBE),
    same("x.gather(1, y)", A, np.array([[0, 1, 1], [3, 3, 0], [2, 2, 2]])),
    case("gather", lambda x, i: cb.gather(x, i, axis=0),
         lambda t, x, i: t.gather(x, 0, i), A, np.array([[0, 1, 1, 2]])),
    case("take_along_axis", lambda x, i: cb.take_along_axis(x, i, axis=1),
         lambda t, x, i: t.take_along_dim(x, i, 1), A, np.array([[0, 1], [3, 0], [2, 2]])),
    same("x.scatter_add(1, y, z)", A, np.array([[0, 1, 1], [3, 3, 0], [2, 2, 2]]), B[:, :3]),
    same("x.scatter_add(0, y, z)", A, np.array([[0, 2, 1, 1]]), B[:1]),
    same("x.index_add(0, y, z)", A, np.array([2, 0, 2, 2]), rng.standard_normal((4, 4))),
    same("x.index_add(1, y, z, alpha=2)", A, np.array([1, 1]), B[:, :2]),
    same("t.diff(x)", CUBE),
    same("t.atleast_1d(x)", SCALAR),
    same("x.clone()", A),
    same("x.contiguous()", A),
    same("x.real", COMPLEX),
    same("x.imag", COMPLEX),
    same("x.conj()", COMPLEX),
    same("x.to(t.float32)", A, order=1, tolerance=1e5),
    same("x.double() * 2", A),
    same("x.type_as(y)", A, INTEGERS),
    same("x.long()", A * 3),
    same("x.bool()", A),
    same("x.int()", INTEGERS),
    case("nonzero", lambda x: cb.nonzero(x), lambda t, x: t.nonzero(x, as_tuple=True), INTEGERS),
    same("x.lerp(y, 0.3)", A, B),
    same("x.add(y, alpha=3)", A, B),
    same("x.sub(y, alpha=3)", A, B),
    same("t.sub(x, y, alpha=0.5)", A, B),
    same("x.clamp(-0.5, 0.5)", A),
    same("x.clamp(min=0.0)", A),
    same("t.clamp(x, max=0.1)", A),
    same("x.clip(min=-0.5, max=0.5)", A),
    same("x.isclose(y, 0.5)", A, B),
    same("t.isclose(x, y, 0.1, 0.5)", A, B),
    same("x.hypot(y)", A, B),
    same("x.logical_and(y)", INTEGERS, TRUTHS),
    same("x.addcmul(y, y, value=2)", A, B),
    same("x.new_zeros(2, 3) + x.new_ones((2, 3)) + x.new_full((2, 3), 7)", A),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), MOVES)
def test_moves_and_selections(compare, ours, theirs, inputs, options):
    compare(ours, theirs, *inputs, **options)


KEYS = [
    "0", "-1", "1, 2", "0, -1, 2", "...", "None", ":", "1:", "::2", ":-1", "1:1", "5:", "-2:", "0, 1:", ":, 1",
    "..., 0", "..., None", "None, 0", ":, None", "0, ..., 1", ":, :, 1:3", "::2, 1, ::3", "None, ..., None",
    "1:2, None, :, 0", "[1, 0, 1]", "[-1, 0]", ":, [2, 0]", "..., [3, 0]", "[0, 1], [2, 1]", "[0, 1], :, [2, 1]",
    "[[0], [1]], [2, 1]", "0, [1, 2]", "[0, 1], 2", ":, 0, [1, 2]", "[0, 1], 0, [1, 2]", "[0, 1], None, [1, 2]",
    "0, :, [1, 2]", "[1, 0], :, 0", "0, None, [1, 2]", "0, ..., [1, 2]", "i, :, 2", "-1, 1:, [0, 3]", "None, [1, 1]",
    "[1], ..., [2]", "1:, [2, 1]", ":, [2, 1], 1:3", "[]", "True", "False", "m", "m, 0", "M", ":, n", "0, n",
    "..., n[0]", ":, :, n[0]", "m, ..., None", "m, :, n[0]", "i", "i, i", "i, ..., i", ":, i", "i, 0, i",
    "i[:, None], i", "j, 0", "i[0]", "i[0], 1",
]  # fmt: skip


def key_of(text, make):
    """A key in terms of tensors: masks `m` (2), `n` (3, 4), `M` (2, 3, 4), integers `i` and 2-d `j`."""
    names = {
        "m": make(np.array([True, False])), "n": make(TRUTHS), "M": make(WHERE), "i": make(np.array([1, 0, 1, -1])),
        "j": make(np.array([[0, 1], [1, 1]])),
    }  # fmt: skip
    return eval(f"K[{text}]", {"K": type("K", (), {"__class_getitem__": classmethod(lambda cls, key: key)}), **names})


@pytest.mark.parametrize("text", KEYS)
def test_indexing(compare, torch, text):
    if text == "[]":
        compare(lambda x: x[[]], lambda t, x: x[[]], CUBE)
        return
    ours, theirs = key_of(text, cb.tensor), key_of(text, torch.tensor)
    compare(lambda x: x[ours], lambda t, x: x[theirs], CUBE)


@pytest.mark.parametrize("text", [k for k in KEYS if k not in ("[0, 1], None, [1, 2]",)])
def test_index_assignment(compare, torch, text):
    ours, theirs = key_of(text, cb.tensor), key_of(text, torch.tensor)
    shape = tuple(torch.tensor(CUBE)[theirs].shape)
    # Repeated places: PyTorch leaves open which value wins, so that all of them get the same.
    repeated = any(c in text for c in "ij[") and "m" not in text.lower() and "n" not in text
    value = np.asarray(rng.standard_normal(shape[-1:] if shape and not repeated else ()))

    def assigned(key):
        def run(x, v):
            y = x * 1
            y[key] = v * 2
            return y

        return run

    compare(assigned(ours), lambda t, x, v: assigned(theirs)(x, v), CUBE, value)

    def number(key):
        def run(x):
            y = x * 1
            y[key] = 3
            return y

        return run

    compare(number(ours), lambda t, x: number(theirs)(x), CUBE)


ASSIGNMENTS = [
    "y[0] = 1.5", "y[1] += 2", "y[:, 0] *= 3", "y[0, 1:] = y[1, 1:]", "y[y > 0] = 0", "y[y > 0] *= 2",
    "y[..., 1] = v[1]", "y[:, [0, 2]] = v[:2]", "y[[0, 1], [2, 1]] = v[:2]", "y[1:, None] = v", "y[-1] = y[0] + v",
    "y[:, 1:] += v[:3]", "y[True] = v", "y[0, 0] = y[1, 1].item()", "y += v", "y += y", "y -= 1", "y /= v", "y **= 2",
    "y.add_(v, alpha=2)", "y.mul_(v)", "y.sub_(v)", "y.div_(v)", "y.clamp_(-0.5, 0.5)", "y.masked_fill_(y > 0, 1.5)",
    "y.copy_(v)", "y.zero_()", "y.fill_(3)", "y.exp_()", "y.neg_()", "y.abs_()", "y.sigmoid_()", "y.tanh_()",
    "y.relu_()", "y.square_()", "y.floor_()", "y.lerp_(y * 2, 0.3)", "y.addcmul_(v, v, value=0.5)", "y.reciprocal_()",
    "y.pow_(2)", "y.round_()", "y.ceil_()",
]  # fmt: skip


@pytest.mark.parametrize("text", ASSIGNMENTS)
def test_in_place(compare, text):
    code = compile(text, "<case>", "exec")

    def run(x, v):
        scope = {"y": x * 1, "v": v * 1}
        exec(code, scope)
        return scope["y"]

    compare(run, lambda t, x, v: run(x, v), A, ROW)


def test_writing_another_dtype_casts_to_the_tensors(compare):
    def run(x, v):
        y = x * 1
        y[0] = v
        return y

    for x, v in ((A.astype("float32"), ROW), (INTEGERS, np.arange(4, dtype="int8")), (A, INTEGERS[0]), (A, A[0] > 0)):
        compare(run, lambda t, *a: run(*a), x, v, order=0)


RANKS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4))]
RANKS += [((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((5, 6, 2, 3), (3,))]
RANKS += [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((1, 2, 3), (5, 3, 1)), ((2, 5, 2, 3), (1, 1, 3, 4))]
RANKS += [((3,), (2, 5, 3, 4))]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("one", "two"), RANKS, ids=str)
def test_matmul(compare, one, two, dtype):
    x, y = rng.standard_normal(one), rng.standard_normal(two)
    compare(lambda x, y: x @ y, lambda t, x, y: x @ y, x, y, dtype=dtype)
    if dtype == "float64":
        z = x + 1j * rng.standard_normal(one)
        compare(cb.matmul, lambda t, x, y: t.matmul(x, y), z, y.astype(complex))


PRODUCTS = [
    same("t.mm(x, y)", A, B.T.copy()),
    same("t.bmm(x, y)", CUBE, CUBE.transpose(0, 2, 1).copy()),
    same("t.dot(x, y)", ROW, A[0]),
    same("t.outer(x, y)", ROW, A[:, 0].copy()),
    same("t.addmm(x, y, z, beta=0.5, alpha=2)", A, A[:, :3].copy(), B),
    same("x.addmm(y, z)", A, A[:, :3].copy(), B),
    same("x.mm(y)", A, B.T.copy()),
    same("x.matmul(y)", INTEGERS, INTEGERS.T.copy()),
    same("x @ y", INTEGERS.astype("int32"), INTEGERS.T.astype("int32")),
    case("tensordot", lambda x, y: cb.tensordot(x, y, axes=1),
         lambda t, x, y: t.tensordot(x, y, 1), CUBE, CUBE.transpose(2, 1, 0).copy()),
    case("tensordot of pairs", lambda x, y: cb.tensordot(x, y, axes=((0, 2), (2, 0))),
         lambda t, x, y: t.tensordot(x, y, ((0, 2), (2, 0))), CUBE, CUBE.transpose(2, 1, 0).copy()),
    case("tensordot of nothing", lambda x, y: cb.tensordot(x, y, axes=0), lambda t, x, y: t.tensordot(x, y, 0), A, ROW),
    case("vecdot", lambda x, y: cb.vecdot(x, y, axis=-1), lambda t, x, y: t.linalg.vecdot(x, y, dim=-1), CUBE, A),
    case("vecdot of complex", lambda x, y: cb.vecdot(x, y),
         lambda t, x, y: t.linalg.vecdot(x, y), COMPLEX, COMPLEX[::-1].copy()),
    case("linear", lambda x, w, b: cb.linear(x, w, b),
         lambda t, x, w, b: t.nn.functional.linear(x, w, b), CUBE, A, A[:, 0].copy()),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), PRODUCTS)
def test_products(compare, ours, theirs, inputs, options):
    compare(ours, theirs, *inputs, **options)


SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "i": 3, "j": 4, "k": 2, "l": 5, "n": 3, "m": 2, "q": 1, "A": 2}
EQUATIONS = (
    "ij,jk->ik", "ij,jk", "bij,bjk->bik", "ij->ji", "ij->", "ij->i", "ij->j", "ii->i", "ii->", "ii", "i,i->", "i,j->ij",
    "i,j", "ij,ij->ij", "ij,ij->", "ij,j->i", "ij,i->j", "abc->cab", "abc,c->ab", "abc,abd->cd", "ab,cd->abcd",
    "ab,ab->a", "abc,bcd->ad", "abcd,abde->abce", "bhij,bhkj->bhik", "ij,jk,kl->il", "i,ij,j->", "ab,bc,cd,da->",
    "ab,ac->bc", "ab,b->ba", "iij->j", "iji->j", "ii,ij->j", "a,b,c->cba", "abc->b", "abc,b->", "ab,ab,ab->ab",
    "aab,b->a", "ij,kl->jl", "...i,...i->...", "...ij,...jk->...ik", "i...,i...->...", "...", "...->...",
    "a...,b...->ab...", "...a->a...", "Ab,bA->", "abc,dc->abd", "i,i->i", "iq,jq->ij", "nhd,nhe->nde", "ab,bc->ca",
    "abc,adc->bd",
)  # fmt: skip


def operand(term):
    shape = []
    for part in term.replace("...", "."):
        shape += [3, 2] if part == "." else [SIZES.get(part, 3)]
    return rng.standard_normal(shape)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(compare, equation):
    operands = [operand(term) for term in equation.partition("->")[0].split(",")]
    compare(lambda *x: cb.einsum(equation, *x), lambda t, *x: t.einsum(equation, *x), *operands)


def test_einsum_broadcasts_ones_and_takes_a_list(compare):
    x, y = rng.standard_normal((3, 1)), rng.standard_normal((4, 5))
    compare(lambda *x: cb.einsum("ij,jk->ik", list(x)), lambda t, *x: t.einsum("ij,jk->ik", list(x)), x, y)
    spaced = "...ij, ...j -> ...i"
    compare(lambda *x: cb.einsum(spaced, *x), lambda t, *x: t.einsum(spaced, *x), CUBE, ROW)
    compare(lambda x: cb.einsum("ij,ij->j", x, x), lambda t, x: t.einsum("ij,ij->j", x, x), COMPLEX)
