"""oneDNN's C API through ctypes: the shared object, its functions, the engine and the stream.

Handles are opaque. The wheel `onednn-cpu-gomp` holds oneDNN 3.2 in the environment's ``lib``, built on OpenMP.
"""

from __future__ import annotations

import contextlib
import ctypes as C
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from typing import Any

from candelabra.core import threads

POINTER, INT, SIZE, FLOAT, UNSIGNED = C.c_void_p, C.c_int, C.c_size_t, C.c_float, C.c_uint
DIMS = C.c_int64 * 12
HANDLES = C.POINTER(C.c_void_p)

FLOAT32 = 3
ANY = 1
TRAINING, INFERENCE = 64, 96
# Turns of a waiting worker of OpenMP, of some 25 ns each.
SPINS = "1000"


class Argument(C.Structure):
    """``dnnl_exec_arg_t``: which argument, and its memory object."""

    _fields_ = [("which", INT), ("memory", POINTER)]


# The arguments of each function; those that make something take the place for its handle before them.
_MAKERS: dict[str, tuple[Any, ...]] = {
    "engine_create": (INT, SIZE),
    "stream_create": (POINTER, UNSIGNED),
    "memory_desc_create_with_strides": (INT, DIMS, INT, DIMS),
    "memory_desc_create_with_tag": (INT, DIMS, INT, INT),
    "memory_create": (POINTER, POINTER, POINTER),
    "primitive_create": (POINTER,),
    "primitive_attr_create": (),
    "post_ops_create": (),
    "reorder_primitive_desc_create": (POINTER,) * 5,
    "reduction_primitive_desc_create": (POINTER, INT, POINTER, POINTER, FLOAT, FLOAT, POINTER),
    "softmax_forward_primitive_desc_create": (POINTER, INT, INT, POINTER, POINTER, INT, POINTER),
    "softmax_backward_primitive_desc_create": (POINTER, INT, POINTER, POINTER, POINTER, INT, POINTER, POINTER),
    "pooling_forward_primitive_desc_create":
        (POINTER, INT, INT, POINTER, POINTER, DIMS, DIMS, DIMS, DIMS, DIMS, POINTER),
    "pooling_backward_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, DIMS, DIMS, DIMS, DIMS, DIMS, POINTER, POINTER),
    "batch_normalization_forward_primitive_desc_create": (POINTER, INT, POINTER, POINTER, FLOAT, UNSIGNED, POINTER),
    "batch_normalization_backward_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, POINTER, FLOAT, UNSIGNED, POINTER, POINTER),
    "vanilla_rnn_forward_primitive_desc_create":
        (POINTER, INT, INT, INT, *(POINTER,) * 7, UNSIGNED, FLOAT, FLOAT, POINTER),
    "vanilla_rnn_backward_primitive_desc_create":
        (POINTER, INT, INT, INT, *(POINTER,) * 14, UNSIGNED, FLOAT, FLOAT, POINTER, POINTER),
    "lbr_gru_forward_primitive_desc_create": (POINTER, INT, INT, *(POINTER,) * 7, UNSIGNED, POINTER),
    "lbr_gru_backward_primitive_desc_create": (POINTER, INT, INT, *(POINTER,) * 14, UNSIGNED, POINTER, POINTER),
    "convolution_forward_primitive_desc_create":
        (POINTER, INT, INT, POINTER, POINTER, POINTER, POINTER, DIMS, DIMS, DIMS, DIMS, POINTER),
    "convolution_backward_data_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, POINTER, DIMS, DIMS, DIMS, DIMS, POINTER, POINTER),
    "convolution_backward_weights_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, POINTER, POINTER, DIMS, DIMS, DIMS, DIMS, POINTER, POINTER),
    "matmul_primitive_desc_create": (POINTER,) * 6,
    "layer_normalization_forward_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, POINTER, FLOAT, UNSIGNED, POINTER),
    "layer_normalization_backward_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, POINTER, POINTER, FLOAT, UNSIGNED, POINTER, POINTER),
    "eltwise_forward_primitive_desc_create": (POINTER, INT, INT, POINTER, POINTER, FLOAT, FLOAT, POINTER),
    "eltwise_backward_primitive_desc_create":
        (POINTER, INT, POINTER, POINTER, POINTER, FLOAT, FLOAT, POINTER, POINTER),
    "lstm_forward_primitive_desc_create": (POINTER, INT, INT, *(POINTER,) * 11, UNSIGNED, POINTER),
    "lstm_backward_primitive_desc_create": (POINTER, INT, INT, *(POINTER,) * 22, UNSIGNED, POINTER, POINTER),
}  # fmt: skip
_OTHERS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "memory_desc_get_size": (SIZE, (POINTER,)),
    "memory_desc_equal": (INT, (POINTER, POINTER)),
    "primitive_desc_query_md": (POINTER, (POINTER, INT, INT)),
    "primitive_desc_query": (INT, (POINTER, INT, INT, C.POINTER(C.c_char_p))),
    "primitive_execute": (INT, (POINTER, POINTER, INT, C.POINTER(Argument))),
    "post_ops_append_eltwise": (INT, (POINTER, INT, FLOAT, FLOAT)),
    "primitive_attr_set_post_ops": (INT, (POINTER, POINTER)),
    "post_ops_destroy": (INT, (POINTER,)),
    "primitive_attr_destroy": (INT, (POINTER,)),
    "memory_desc_destroy": (INT, (POINTER,)),
    "memory_destroy": (INT, (POINTER,)),
    "primitive_destroy": (INT, (POINTER,)),
    "primitive_desc_destroy": (INT, (POINTER,)),
}
_STATUS = {1: "out of memory", 2: "invalid arguments", 3: "not implemented", 5: "runtime error"}


_waiting = "which wait as the environment says"


@contextlib.contextmanager
def _waiting_briefly() -> Iterator[None]:
    """Let OpenMP's workers spin for some 25 microseconds before they sleep, while the body loads it.

    Asleep at once they would miss a recurrent layer's next step, which then takes more than twice the time. Awake for
    longer they would keep NumPy's threads and other processes from their cores, and wait as long for a core that is
    taken. An environment that says how to wait is left alone.
    """
    global _waiting
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        yield
        return
    _waiting = f"which spin {SPINS} times before they sleep, unless something else loaded it"
    os.environ.update(OMP_WAIT_POLICY="active", GOMP_SPINCOUNT=SPINS)
    try:
        yield
    finally:
        for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
            os.environ.pop(name, None)


class Refused(RuntimeError):
    """oneDNN does not do what was asked: the kernel declines."""


class Library:
    """The loaded library, with its functions as attributes, an engine and a stream."""

    def __init__(self, path: str) -> None:
        self.path = path
        with _waiting_briefly():
            self._object = C.CDLL(path)
        self.openmp = C.CDLL("libgomp.so.1")
        # Asked at every call, and nothing that could wait.
        self._max_threads = C.PyDLL("libgomp.so.1").omp_get_max_threads
        self._max_threads.restype = INT
        for name, arguments in _MAKERS.items():
            setattr(self, name, self._maker(name, arguments))
        for name, (result, arguments) in _OTHERS.items():
            function = getattr(self._object, f"dnnl_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        # Called for every operand, and nothing that could wait; it takes ctypes' own pointers alone.
        self.place = C.PyDLL(path)["dnnl_memory_set_data_handle"]
        self.engine = self.engine_create(1, 0)
        self.stream = self.stream_create(self.engine, 1)
        self._wanted: int | None = None
        threads.follow(self._set_threads, "onednn", self.describe)
        # A forked child would wait for ever for workers that it does not have.
        os.register_at_fork(before=self._pause)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"oneDNN's {name} is not declared")

    def _maker(self, name: str, arguments: tuple[Any, ...]) -> Any:
        function = getattr(self._object, f"dnnl_{name}")
        function.restype, function.argtypes = INT, (HANDLES, *arguments)

        def make(*values: Any) -> int:
            handle = C.c_void_p()
            status = function(C.byref(handle), *values)
            if status:
                raise Refused(f"{name}: {_STATUS.get(status, status)}")
            return handle.value  # type: ignore[return-value]

        return make

    def _pause(self) -> None:
        self.openmp.omp_pause_resource_all(2)

    def _set_threads(self, n: int) -> None:
        self._wanted = n
        self.openmp.omp_set_num_threads(n)

    def threads(self) -> int:
        """Return the number of threads that a call of this thread would use now."""
        n: int = self._max_threads()
        if self._wanted is not None and n != self._wanted:
            # OpenMP's number belongs to the thread that set it.
            self.openmp.omp_set_num_threads(self._wanted)
            return self._wanted
        return n

    def descriptor(self, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, tag: int = ANY) -> int:
        """Return a memory descriptor of float32: with strides in elements, or with a tag."""
        dims = DIMS(*shape)
        if strides is None:
            return self.memory_desc_create_with_tag(len(shape), dims, FLOAT32, tag)
        return self.memory_desc_create_with_strides(len(shape), dims, FLOAT32, DIMS(*strides))

    def describe(self) -> str:
        """Say how oneDNN computes, for ``candelabra devices``."""
        return f"{self.threads()} threads of OpenMP, {_waiting}"

    def implementation_of(self, descriptor: int) -> str:
        """Return the name of the kernel that oneDNN chose."""
        text = C.c_char_p()
        self.primitive_desc_query(descriptor, 8, 0, C.byref(text))
        return (text.value or b"").decode()


_loaded: list[Library | None] = []


def load() -> Library | None:
    """Return the library, or None where it is not installed or does not load here."""
    if not _loaded:
        _loaded.append(_find())
    return _loaded[0]


def _find() -> Library | None:
    try:
        found = next((f for f in files("onednn-cpu-gomp") or () if f.name == "libdnnl.so.3"), None)
        return None if found is None else Library(str(found.locate().resolve()))  # type: ignore[union-attr]
    except (PackageNotFoundError, OSError):
        return None
