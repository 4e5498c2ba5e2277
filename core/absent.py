"""What `torch`, `torch.Tensor` and PyTorch's modules have and candelabra has not, with the reason.

The front door and `Tensor` raise AttributeError with it, so that nobody looks for a misspelling.
"""

from __future__ import annotations

from typing import Any

_QUANTIZED = "there are no quantized tensors"
_SPARSE = "there are no sparse tensors; work with a dense one, or with scipy.sparse on the host"
_NESTED = "there are no nested tensors; nn.utils.rnn.pad_sequence makes a dense one"
_HALF_COMPLEX = "there is no complex number of 16-bit parts; take complex64"
_MEMORY = "memory order is the backend's business, and a tensor never shows it"
_RESIZED = "a tensor keeps its shape; make another one with reshape, pad or empty"
_STORAGE = "tensors have no storages: an array belongs to its backend; x.numpy() and x.__dlpack__() hand it out"
_COPIES = "PyTorch's compiler calls it; results never share memory here, so call the function without _copy"
_LIBRARY = "a kernel of one of PyTorch's libraries; call the function of nn.functional"
_INSIDE = "PyTorch's layers call it inside; call the function of nn.functional"
_CELLS = "call the layers nn.RNN, nn.LSTM and nn.GRU or their cells, which hold the weights"
_IN_PLACE_LAYER = "call nn.functional's function with inplace=True"
_AUTOCAST = "there is no autocasting; choose the dtype, for example model.to(candelabra.bfloat16)"
_COMPILER = "PyTorch's compiler and its scripts have no counterpart: what you write runs as it stands"
_SYMBOLIC = "sizes are ints here; PyTorch's compiler has symbolic ones"
_TYPED = "PyTorch's old name of a dtype; write tensor(data, dtype=...), or isinstance(x, Tensor) and x.dtype"
_THREADS = "one pool of threads serves all; call set_num_threads"
_WARNINGS = "Python's module warnings has the filters"
_ELSEWHERE = "give x.to(device) the name of a device that is listed by candelabra.devices()"
_REMOVED = "PyTorch removed it"
_NODES = "the graph's nodes do not show their numbers"

_QUANTIZED_METHODS = (
    "dequantize int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme"
)
_SPARSE_METHODS = "smm sspaddmm resize_as_sparse_"
_BOTH: tuple[tuple[str, str], ...] = (
    (_QUANTIZED, _QUANTIZED_METHODS),
    (_SPARSE, _SPARSE_METHODS),
    (_MEMORY, "as_strided_ layout"),
    (_RESIZED, "resize_as_"),
    (_COMPILER, "slice_inverse"),
    ("it reads an element's bits, which tensors do not show; hash x.numpy().tobytes()", "hash_tensor"),
    ("a tensor knows no group of processes", "is_distributed"),
)
_FUNCTIONS: tuple[tuple[str, str], ...] = (
    *_BOTH,
    (_QUANTIZED, """choose_qparams_optimized empty_quantized fake_quantize_per_channel_affine
        fake_quantize_per_tensor_affine fused_moving_avg_obs_fake_quant quantize_per_channel quantize_per_tensor
        quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_gru_cell quantized_lstm
        quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d quantized_rnn_relu_cell
        quantized_rnn_tanh_cell fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation
        fbgemm_linear_int8_weight fbgemm_linear_int8_weight_fp32_activation fbgemm_linear_quantize_weight
        fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix"""),
    (_SPARSE, """ccol_indices_copy col_indices_copy crow_indices_copy indices_copy row_indices_copy values_copy dsmm
        hsmm hspmm saddmm spmm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor
        sparse_csc_tensor sparse_csr_tensor"""),
    (_MEMORY, "as_strided_copy empty_strided empty_permuted memory_format"),
    (_STORAGE, """is_storage BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage IntStorage LongStorage
        ShortStorage TypedStorage UntypedStorage BFloat16Storage ComplexDoubleStorage ComplexFloatStorage HalfStorage
        QInt32Storage QInt8Storage QUInt2x4Storage QUInt4x2Storage QUInt8Storage Storage StorageBase"""),
    ("it belongs to PyTorch's own files", """LoggerBase classproperty compiled_with_cxx11_abi get_file_path
        prepare_multiprocessing_environment profiler_allow_cudagraph_cupti_lazy_reinit_cuda12"""),
    (_COPIES, """alias_copy detach_copy diagonal_copy expand_copy permute_copy select_copy slice_copy split_copy
        split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unsqueeze_copy
        view_as_complex_copy view_as_real_copy view_copy"""),
    (_LIBRARY, """cudnn_affine_grid_generator cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu
        cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler cudnn_is_acceptable miopen_batch_norm
        miopen_convolution miopen_convolution_add_relu miopen_convolution_relu miopen_convolution_transpose
        miopen_ctc_loss miopen_depthwise_convolution miopen_rnn mkldnn_adaptive_avg_pool2d mkldnn_convolution
        mkldnn_linear_backward_weights mkldnn_max_pool2d mkldnn_max_pool3d mkldnn_rnn_layer"""),
    (_INSIDE, """affine_grid_generator batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt
        batch_norm_gather_stats batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats
        adaptive_max_pool1d constant_pad_nd convolution cosine_embedding_loss embedding_bag embedding_renorm_
        feature_dropout hinge_embedding_loss instance_norm kl_div margin_ranking_loss poisson_nll_loss
        triplet_margin_loss grid_sampler grid_sampler_2d grid_sampler_3d
        native_batch_norm native_channel_shuffle native_dropout native_group_norm native_layer_norm"""),
    ("call linalg.norm, linalg.matrix_norm or linalg.vector_norm", "native_norm"),
    (_CELLS, "gru_cell lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell"),
    (_IN_PLACE_LAYER, "alpha_dropout_ dropout_ feature_alpha_dropout_ feature_dropout_"),
    (_AUTOCAST, """autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache
        get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype get_autocast_ipu_dtype get_autocast_xla_dtype
        is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled is_autocast_ipu_enabled
        is_autocast_xla_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled
        set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype set_autocast_ipu_dtype set_autocast_ipu_enabled
        set_autocast_xla_dtype set_autocast_xla_enabled GradScaler"""),
    (_COMPILER, """compile fork wait import_ir_module import_ir_module_from_buffer merge_type_from_type_comment parse_ir
        parse_schema parse_type_comment unify_type_list AggregationType AliasDb AnyType Argument ArgumentSpec AwaitType
        BenchmarkConfig BenchmarkExecutionStats Block BoolType BufferDict CallStack Capsule ClassType Code
        CompilationUnit CompleteArgumentSpec ComplexType ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable
        DeserializationStorageContext DeviceObjType DictType DisableTorchFunction DisableTorchFunctionSubclass
        DispatchKey DispatchKeySet EnumType ErrorReport ExcludeDispatchKeyGuard ExecutionPlan FatalError FileCheck
        FloatType FunctionSchema Future FutureType Gradient Graph GraphExecutorState IODescriptor InferredType IntType
        InterfaceType JITException ListType LiteScriptModule LockingLogger ModuleDict Node NoneType NoopLogger
        NumberType OperatorInfo OptionalType ParameterDict PyObjectType PyTorchFileReader PyTorchFileWriter RRefType
        ScriptClass ScriptClassFunction ScriptDict ScriptDictIterator ScriptDictKeyIterator ScriptFunction ScriptList
        ScriptListIterator ScriptMethod ScriptModule ScriptModuleSerializer ScriptObject ScriptObjectProperty
        SerializationStorageContext StaticModule StreamObjType StringType SymBoolType SymIntType Tag TensorType
        ThroughputBenchmark TracingState TupleType Type UnionType Use Value"""),
    ("write Python's own if and while: what you write runs as it stands", "cond while_loop"),
    (_SYMBOLIC, """sym_constrain_range sym_constrain_range_for_size sym_float sym_fresh_size sym_int sym_ite sym_max
        sym_min sym_not sym_sqrt sym_sum SymBool SymFloat SymInt"""),
    (_TYPED, """BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor ShortTensor
        BFloat16Tensor"""),
    (_THREADS, "get_num_interop_threads init_num_threads set_num_interop_threads thread_safe_generator"),
    (_WARNINGS, "is_warn_always_enabled set_warn_always"),
    ("a tensor made in inference_mode is a tensor like any other", "is_inference"),
    ("call autograd.detect_anomaly or autograd.set_detect_anomaly",
     "is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled"),
    ("numbers close to zero are kept", "set_flush_denormal"),
    ("call set_default_dtype and set_default_device", "set_default_tensor_type"),
    ("a shape is a plain tuple", "Size"),
    ("matrices are dense here, and linalg.eigh has all their eigenvalues at once; keep the k that you need", "lobpcg"),
    ("map the file with numpy.memmap and hand that to from_numpy", "from_file"),
    ("type(x) and x.dtype tell it", "typename"),
    ("candelabra.cuda has the functions that there are", "get_device_module"),
    ("an error of a device is a candelabra.core.errors.DeviceError, a lack of memory Python's MemoryError",
     "AcceleratorError OutOfMemoryError"),
    ("candelabra.devices() lists the devices that there are", "is_vulkan_available"),
    (f"{_REMOVED}; call linalg.lstsq", "lstsq"),
    (f"{_REMOVED}; call linalg.eig", "eig"),
    (f"{_REMOVED}; call linalg.eigh", "symeig"),
    (f"{_REMOVED}; call linalg.solve", "solve"),
    (f"{_REMOVED}; call linalg.matrix_rank", "matrix_rank"),
)  # fmt: skip
_CONSTANTS: tuple[tuple[str, str], ...] = (
    (_QUANTIZED, """qint32 qint8 quint2x4 quint4x2 quint8 per_channel_affine per_channel_affine_float_qparams
        per_channel_symmetric per_tensor_affine per_tensor_symmetric"""),
    (_SPARSE, "sparse_bsc sparse_bsr sparse_coo sparse_csc sparse_csr"),
    (_NESTED, "jagged"),
    (_MEMORY, "channels_last channels_last_3d contiguous_format legacy_contiguous_format preserve_format strided"),
    (_HALF_COMPLEX, "chalf complex32"),
    ("numbers have 8 bits and more here, and the dtypes are those of the array API standard, float16 and bfloat16",
     """bit bits16 bits1x8 bits2x4 bits4x2 bits8 int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6
        uint7 float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu"""),
)  # fmt: skip
_SUBMODULES: tuple[tuple[str, str], ...] = (
    (_COMPILER, "jit fx export compiler package library overrides"),
    (_QUANTIZED, "quantization ao"),
    (_SPARSE, "sparse"),
    (_NESTED, "nested"),
    (_STORAGE, "storage"),
    (_AUTOCAST, "amp"),
    (_ELSEWHERE, "mps xpu mtia accelerator"),
)
_METHODS: tuple[tuple[str, str], ...] = (
    *_BOTH,
    (_SPARSE, """ccol_indices coalesce col_indices crow_indices dense_dim indices is_coalesced row_indices sparse_dim
        sparse_mask sparse_resize_ sparse_resize_and_clear_ to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo
        to_sparse_csc to_sparse_csr values"""),
    (_NESTED, "to_padded_tensor"),
    (_MEMORY, "dim_order new_empty_strided storage_offset stride to_mkldnn"),
    (_STORAGE, "is_set_to set_ storage storage_type untyped_storage"),
    (_RESIZED, "resize resize_ resize_as"),
    ("hand tensors to other processes by pickle, or let DataLoader's workers do it", "is_shared share_memory_"),
    (_ELSEWHERE, "ipu mtia xpu"),
    (_HALF_COMPLEX, "chalf"),
    ("PyTorch deprecated it; call x.new_tensor or x.new_empty", "new"),
    ("a tensor made in inference_mode is a tensor like any other", "is_inference"),
    ("axes have numbers and no names; a tensor has none either", "name names"),
    ("nn.Module.load_state_dict decides how a parameter takes its value", "module_load"),
    ("a gradient has its tensor's dtype", "grad_dtype"),
    (_NODES, "output_nr"),
    ("index with brackets: x[key]", "index"),
    (f"{_REMOVED}; write no_grad", "volatile"),
    (f"{_REMOVED}; write the loss with log-probabilities", "reinforce"),
    (f"{_REMOVED}; call linalg.lstsq", "lstsq"),
    (f"{_REMOVED}; call linalg.eig", "eig"),
    (f"{_REMOVED}; call linalg.eigh", "symeig"),
    (f"{_REMOVED}; call linalg.solve", "solve"),
)  # fmt: skip


def _by_name(groups: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: reason for reason, names in groups for name in names.split()}


FUNCTIONS: dict[str, str] = _by_name((*_FUNCTIONS, *_CONSTANTS, *_SUBMODULES))
METHODS: dict[str, str] = _by_name(_METHODS)
AUTOGRAD: dict[str, str] = {
    "NestedIOFunction": "derive from autograd.Function, whose inputs are one list",
    "Variable": "a tensor is its own variable, since requires_grad came",
    "enforce_grad_layout_policy": _MEMORY,
    "forward_ad": "forward mode is func.jvp, func.jacfwd and func.linearize",
    "graph": "what the graph saves is not shown; Tensor.register_hook sees gradients, and checkpoint saves memory",
    "profiler": "Python's profilers see every call of a kernel",
    "set_multithreading_enabled": "backward runs on the calling thread",
    "variable": "a tensor is its own variable, since requires_grad came",
}


def reason_text(place: str, name: str, reason: str) -> str:
    """Return the text of the error."""
    return f"{place}.{name} is not offered: {reason}"


class Refused:
    """A name of Tensor that is refused with its reason; `hasattr` is False."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        raise AttributeError(reason_text("Tensor", self.name, METHODS[self.name]))
