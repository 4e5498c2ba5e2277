// What all kernels share. NVRTC compiles them for a card, and the tests as C++ against a stand-in of the language.
#ifndef CANDELABRA_ON_HOST
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

typedef long long int64;
typedef unsigned long long uint64;

// What a dtype is computed in.
template <class T> struct Computed { typedef float type; };
template <> struct Computed<double> { typedef double type; };

template <class C> __device__ C infinity() { return (C)__longlong_as_double(0x7ff0000000000000LL); }
template <class C> __device__ C not_a_number() { return (C)__longlong_as_double(0x7ff8000000000000LL); }

struct Sum {
    template <class C> __device__ C operator()(C a, C b) const { return a + b; }
};

struct Largest {
    template <class C> __device__ C operator()(C a, C b) const { return a > b || a != a ? a : b; }
};

template <class C, class Op> __device__ C over_warp(C value, Op op) {
    for (int step = 16; step > 0; step >>= 1) value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
    return value;
}

// Every thread of the block gets the result; the block is one line of whole warps.
template <class C, class Op> __device__ C over_block(C value, Op op, C none) {
    __shared__ C parts[33];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    value = over_warp(value, op);
    // The last result may still be read.
    __syncthreads();
    if (lane == 0) parts[warp] = value;
    __syncthreads();
    if (warp == 0) {
        value = over_warp(lane < (int)(blockDim.x >> 5) ? parts[lane] : none, op);
        if (lane == 0) parts[32] = value;
    }
    __syncthreads();
    return parts[32];
}

// The place of a row's first element, where rows of `width` elements lie `after` apart.
__device__ inline int64 start_of(int64 row, int64 width, int64 after) {
    return row / after * width * after + row % after;
}

// An index that is out of range is clamped, and the first one of an operation is written down: whoever waits for the
// card next is told. `fault` has room for a flag, the index and the size.
__device__ inline int64 checked(int64 index, int64 size, uint64* fault) {
    if (index >= 0 && index < size) return index;
    if (atomicCAS(fault, 0ULL, 1ULL) == 0) {
        fault[1] = (uint64)index;
        fault[2] = (uint64)size;
    }
    return index < 0 ? 0 : size - 1;
}

// What an index names, which counts from the end where it may (`behind`).
__device__ inline int64 place_of(int64 index, int64 size, bool behind, uint64* fault) {
    return behind && index < 0 && index >= -size ? index + size : checked(index, size, fault);
}
