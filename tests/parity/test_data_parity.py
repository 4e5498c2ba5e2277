"""Datasets, samplers and loaders beside PyTorch's: the same arguments, structures, orders, lengths and errors."""

from __future__ import annotations

import inspect
import itertools
from collections import OrderedDict, namedtuple
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import data

Pair = namedtuple("Pair", "x y")
NAMES = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterableDataset",
    "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info", "random_split",
]  # fmt: skip


@pytest.fixture
def theirs(torch: ModuleType) -> ModuleType:
    import torch.utils.data

    return torch.utils.data


def plain(batch: Any) -> Any:
    """A batch of either library in plain Python, with the dtypes of its tensors."""
    if hasattr(batch, "tolist"):
        return str(batch.dtype).rpartition(".")[2], tuple(batch.shape), batch.tolist()
    if isinstance(batch, dict):
        return type(batch).__name__, {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)) and batch and isinstance(batch[0], (str, bytes)):
        return list(batch)  # a tuple in PyTorch where the samples are tuples
    if isinstance(batch, (list, tuple)):
        return type(batch).__name__, [plain(part) for part in batch]
    return batch


def test_every_name_is_there(theirs: ModuleType) -> None:
    pipes = {"DataChunk", "DFIterDataPipe", "IterDataPipe", "MapDataPipe", "_DatasetKind", "argument_validation"}
    pipes |= {"functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic", "runtime_validation"}
    pipes |= {"runtime_validation_disabled"}
    assert set(theirs.__all__) - pipes == set(NAMES)
    assert set(NAMES) <= set(data.__all__)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("Dataset", "IterableDataset", "Sampler")])
def test_arguments_and_defaults(theirs: ModuleType, name: str) -> None:
    def about(thing: Any) -> list[tuple[str, Any, Any]]:
        found = inspect.signature(thing).parameters.values()
        defaults = [p.default if isinstance(p.default, (int, str, bool, type(None), type)) else None for p in found]
        return [(p.name, p.kind, default) for p, default in zip(found, defaults, strict=True)]

    wanted, ours = about(getattr(theirs, name)), about(getattr(data, name))
    if name == "DataLoader":
        assert ours.pop() == ("device", inspect.Parameter.KEYWORD_ONLY, None)
    if name.startswith("default_"):
        wanted, ours = [p[1:] for p in wanted], [p[1:] for p in ours]
    assert ours == wanted


@pytest.mark.parametrize(("workers", "batch_size"), [(0, 1), (0, None), (2, 3), (2, None)])
def test_attributes(theirs: ModuleType, workers: int, batch_size: int | None) -> None:
    names = "batch_size drop_last num_workers prefetch_factor persistent_workers timeout pin_memory in_order".split()
    ours, other = (kind(range(9), batch_size, num_workers=workers) for kind in (data.DataLoader, theirs.DataLoader))
    assert [getattr(ours, name) for name in names] == [getattr(other, name) for name in names]
    assert type(ours.sampler).__name__ == type(other.sampler).__name__
    assert type(ours.batch_sampler).__name__ == type(other.batch_sampler).__name__
    assert ours.collate_fn.__name__ == other.collate_fn.__name__ and len(ours) == len(other)


SAMPLES = [
    [1, 2, 3], [1.5, 2.0], [True, False], [2.5, 1], ["a", "b"], [b"a", b"b"],
    [(1, "a"), (2, "b")], [[1, 2.0], [3, 4.0]], [Pair(1, "a"), Pair(2, "b")],
    [{"x": 1, "y": (1, 2)}, {"x": 2, "y": (3, 4)}], [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
    [np.arange(3), np.arange(3)], [np.float32(1), np.float32(2)], [np.array(1.5), np.array(2.5)],
    [np.zeros((2, 2), np.uint8)] * 3, [{"x": [np.ones(2), (3, "z")]}] * 2, [()] * 2, [{}] * 2,
    [np.bool_(True), np.bool_(False)], [1 << 40, 2],
]  # fmt: skip


@pytest.mark.parametrize("samples", SAMPLES, ids=str)
def test_collate(theirs: ModuleType, samples: list) -> None:
    assert plain(data.default_collate(samples)) == plain(theirs.default_collate(samples))
    for sample in samples:
        assert plain(data.default_convert(sample)) == plain(theirs.default_convert(sample))


@pytest.mark.parametrize("samples", [[np.zeros(2), np.zeros(3)], [(1, 2), (1,)], [object()] * 2, [None, None]], ids=str)
def test_what_does_not_collate(theirs: ModuleType, samples: list) -> None:
    with pytest.raises(Exception) as other:
        theirs.default_collate(samples)
    kind = TypeError if isinstance(other.value, TypeError) else (ValueError, RuntimeError)
    with pytest.raises(kind):
        data.default_collate(samples)


def arrays(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n * 4, dtype=np.float32).reshape(n, 2, 2), np.arange(n)


def map_style(library: Any, tensor: Any, kind: str) -> Any:
    x, y = (tensor(array) for array in arrays(11))
    whole = library.TensorDataset(x, y)
    if kind == "tensors":
        return whole
    if kind == "subset":
        return library.Subset(whole, [7, 1, 1, 4, 0])
    if kind == "concat":
        return library.ConcatDataset([whole, library.Subset(whole, [2, 3])])
    if kind == "sum":
        return whole + whole
    if kind == "stack":
        return library.StackDataset(whole, range(11))
    return library.StackDataset(both=whole, number=range(11))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["tensors", "subset", "concat", "sum", "stack", "named"])
@pytest.mark.parametrize(("batch_size", "drop_last"), [(1, False), (4, False), (4, True), (None, False)])
def test_batches_of_datasets(
    theirs: ModuleType, torch: ModuleType, workers: int, kind: str, batch_size: int | None, drop_last: bool
) -> None:
    if workers and (kind not in ("tensors", "named") or batch_size == 1):
        pytest.skip("processes take their time")
    ours = map_style(data, cb.tensor, kind)
    other = map_style(theirs, torch.tensor, kind)
    assert len(ours) == len(other) and plain(ours[-1]) == plain(other[-1]) and plain(ours[0]) == plain(other[0])
    arguments = {"batch_size": batch_size, "drop_last": drop_last, "num_workers": workers}
    ours, other = data.DataLoader(ours, **arguments), theirs.DataLoader(other, **arguments)
    assert len(ours) == len(other)
    assert list(map(plain, ours)) == list(map(plain, other))


def stream(library: Any, n: int, length: int | None = None) -> Any:
    """A stream that is divided unevenly among workers."""

    class Stream(library.IterableDataset):
        def __iter__(self):
            worker = library.get_worker_info()
            if worker is None:
                return iter(range(n))
            return iter(range(100 * worker.id, 100 * worker.id + n * (worker.id + 1)))

    class WithLength(Stream):
        def __len__(self):
            return length

    return Stream() if length is None else WithLength()


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize(("batch_size", "drop_last"), [(2, False), (2, True), (None, False)])
def test_batches_of_streams(theirs: ModuleType, workers: int, batch_size: int | None, drop_last: bool) -> None:
    # A class of a function travels by fork, which is PyTorch's own default here.
    arguments = {"batch_size": batch_size, "drop_last": drop_last, "num_workers": workers}
    if workers:
        arguments["multiprocessing_context"] = "fork"
    ours, other = (library.DataLoader(stream(library, 5), **arguments) for library in (data, theirs))
    assert list(map(plain, ours)) == list(map(plain, other))
    assert list(map(plain, ours)) == list(map(plain, other))


def test_chains_and_lengths_of_streams(theirs: ModuleType) -> None:
    for library in (data, theirs):
        both = stream(library, 3) + stream(library, 2)
        assert type(both) is library.ChainDataset and list(both) == [0, 1, 2, 0, 1]
        assert len(library.ChainDataset([stream(library, 3, 3), stream(library, 3, 4)])) == 7
        with pytest.raises(TypeError):
            len(library.DataLoader(stream(library, 3)))
        with pytest.raises((TypeError, AssertionError)):
            list(library.ChainDataset([range(3)]))
        with pytest.raises((TypeError, AssertionError)):
            library.ConcatDataset([stream(library, 3)])
    for length, batch_size, drop_last in itertools.product((0, 3, 4), (1, 2, 3, None), (False, True)):
        if batch_size is None and drop_last:
            continue
        lengths = [
            len(library.DataLoader(stream(library, 3, length), batch_size, drop_last=drop_last))
            for library in (data, theirs)
        ]
        assert lengths[0] == lengths[1]


def test_more_samples_than_a_length_promised(theirs: ModuleType) -> None:
    for library in (data, theirs):
        loader = library.DataLoader(stream(library, 5, 2), batch_size=1)
        assert len(loader) == 2
        with pytest.warns(UserWarning, match="[Ll]ength of"):
            assert len(list(loader)) == 5


@pytest.mark.parametrize(("n", "size", "drop_last"), [*itertools.product((0, 1, 7, 8), (1, 3, 8, 9), (False, True))])
def test_batch_sampler(theirs: ModuleType, n: int, size: int, drop_last: bool) -> None:
    ours, other = (library.BatchSampler(range(n), size, drop_last) for library in (data, theirs))
    assert list(ours) == list(other) and len(ours) == len(other)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("n", "replicas"), [(10, 3), (10, 5), (2, 5), (7, 1)])
def test_distributed_sampler(theirs: ModuleType, n: int, replicas: int, drop_last: bool) -> None:
    shares = []
    for rank in range(replicas):
        arguments = {"num_replicas": replicas, "rank": rank, "drop_last": drop_last}
        ours, other = (s.DistributedSampler(range(n), shuffle=False, **arguments) for s in (data, theirs))
        assert list(ours) == list(other) and len(ours) == len(other) and ours.total_size == other.total_size
        shuffled = data.DistributedSampler(range(n), seed=3, **arguments)
        first = list(shuffled)
        assert first == list(shuffled) and len(first) == len(ours)
        shuffled.set_epoch(1)
        shares.append((first, list(shuffled)))
    for epoch in (0, 1):
        everything = sorted(i for share in shares for i in share[epoch])
        assert set(everything) <= set(range(n))
        assert drop_last or set(everything) == set(range(n))
    for library in (data, theirs):
        with pytest.raises(ValueError):
            library.DistributedSampler(range(n), num_replicas=replicas, rank=replicas)


@pytest.mark.parametrize("arguments", [{}, {"num_samples": 3}, {"num_samples": 25}, {"replacement": True}], ids=str)
def test_random_samplers_draw_as_much(theirs: ModuleType, torch: ModuleType, arguments: dict) -> None:
    ours = list(data.RandomSampler(range(10), generator=cb.Generator().manual_seed(1), **arguments))
    other = list(theirs.RandomSampler(range(10), generator=torch.Generator().manual_seed(1), **arguments))
    assert len(ours) == len(other) and all(type(i) is int for i in ours)
    if not arguments.get("replacement"):
        # Each whole permutation is used up before the next.
        for found in (ours, other):
            assert all(len(set(found[i : i + 10])) == len(found[i : i + 10]) for i in range(0, len(found), 10))


@pytest.mark.filterwarnings("ignore:.*(empty|is 0)")
@pytest.mark.parametrize(("n", "lengths"), [(10, [0.5, 0.5]), (10, [0.34, 0.33, 0.33]), (7, [3, 4]), (5, [0.9, 0.1])])
def test_random_split(theirs: ModuleType, n: int, lengths: list) -> None:
    ours, other = (library.random_split(range(n), lengths) for library in (data, theirs))
    assert list(map(len, ours)) == list(map(len, other))
    assert sorted(i for part in ours for i in part.indices) == list(range(n))


REFUSED = [
    ({"batch_size": 0}, ValueError),
    ({"num_workers": -1}, ValueError),
    ({"timeout": -1}, ValueError),
    ({"shuffle": True, "sampler": [0]}, ValueError),
    ({"batch_sampler": [[0]], "batch_size": 2}, ValueError),
    ({"batch_size": None, "drop_last": True}, ValueError),
    ({"prefetch_factor": 2}, ValueError),
    ({"persistent_workers": True}, ValueError),
    ({"multiprocessing_context": "fork"}, ValueError),
    ({"num_workers": 1, "multiprocessing_context": "thread"}, ValueError),
    ({"num_workers": 1, "multiprocessing_context": 3}, TypeError),
]


@pytest.mark.parametrize(("arguments", "error"), REFUSED, ids=str)
def test_both_refuse(theirs: ModuleType, arguments: dict, error: type[Exception]) -> None:
    for library in (theirs, data):
        with pytest.raises(error):
            library.DataLoader(range(4), **arguments)


@pytest.mark.parametrize("arguments", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}], ids=str)
def test_both_refuse_an_order_of_streams(theirs: ModuleType, arguments: dict) -> None:
    for library in (theirs, data):
        with pytest.raises(ValueError):
            library.DataLoader(stream(library, 3), **arguments)


def failing(library: Any, error: BaseException) -> Any:
    class Failing(library.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            if index == 2:
                raise error
            return index

    return Failing()


ERRORS = [KeyError("k"), ValueError("v"), IndexError("i"), UnicodeDecodeError("a", b"", 0, 1, "r")]


@pytest.mark.parametrize("error", ERRORS)
def test_errors_of_workers(theirs: ModuleType, error: Exception) -> None:
    kinds = []
    for library in (theirs, data):
        loader = library.DataLoader(failing(library, error), num_workers=2, multiprocessing_context="fork")
        iterator = iter(loader)
        assert [int(next(iterator)) for _ in range(2)] == [0, 1]
        with pytest.raises(Exception) as caught:
            next(iterator)
        assert "Traceback (most recent call last)" in str(caught.value)
        assert f"Caught {type(error).__name__} in DataLoader worker" in str(caught.value)
        kinds.append(type(caught.value))
        assert [int(batch) for batch in iterator] == [3, 4, 5]
        del caught, iterator
    if isinstance(error, UnicodeDecodeError):
        # PyTorch cannot make it again and raises RuntimeError; the class above it can be made.
        assert kinds == [RuntimeError, UnicodeError]
    else:
        assert kinds[0] is kinds[1] is type(error)


def test_worker_info(theirs: ModuleType) -> None:
    for library, seed in ((theirs, "initial_seed"), (data, "initial_seed")):

        class About(library.Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, index, library=library, seed=seed):
                import torch

                info = library.get_worker_info()
                own = (cb if library is data else torch).initial_seed()
                return info.id, info.num_workers, info.seed == own, info.dataset is self, info.seed - info.id

        loader = library.DataLoader(About(), None, num_workers=2, multiprocessing_context="fork")
        rows = list(loader)
        assert [tuple(row[:4]) for row in rows] == [(i % 2, 2, True, True) for i in range(4)]
        assert len({row[4] for row in rows}) == 1
        assert library.get_worker_info() is None
