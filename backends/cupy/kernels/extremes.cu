// Where along an axis the greatest or least element stands: the first of equal ones, and what is no number before all.

template <class C> struct Standing {
    C value;
    int64 at;
};

// Whether one element goes before another, wherever they stand.
template <bool MOST, class C> __device__ bool goes_before(C a, C b) {
    if (a != a || b != b) return b == b;
    return MOST ? a > b : a < b;
}

template <bool MOST, class C> __device__ Standing<C> first_of(Standing<C> a, Standing<C> b) {
    if (a.at < 0 || b.at < 0) return a.at < 0 ? b : a;
    if (goes_before<MOST>(a.value, b.value)) return a;
    if (goes_before<MOST>(b.value, a.value)) return b;
    return a.at < b.at ? a : b;
}

// What elements are compared in.
template <class E> struct Compared { typedef E type; };
template <> struct Compared<bool> { typedef int type; };
template <> struct Compared<__half> { typedef float type; };
template <> struct Compared<__nv_bfloat16> { typedef float type; };

// The first of what all threads of a block have found; the first thread gets it.
template <bool MOST, class C> __device__ Standing<C> first_of_block(Standing<C> found) {
    __shared__ C values[32];
    __shared__ int64 places[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    for (int step = 16; step > 0; step >>= 1) {
        const C value = __shfl_xor_sync(0xffffffffu, found.value, step);
        const int64 at = __shfl_xor_sync(0xffffffffu, found.at, step);
        found = first_of<MOST>(found, Standing<C>{value, at});
    }
    if (lane == 0) {
        values[warp] = found.value;
        places[warp] = found.at;
    }
    __syncthreads();
    for (int w = 1; threadIdx.x == 0 && w < warps; w++)
        found = first_of<MOST>(found, Standing<C>{values[w], places[w]});
    return found;
}

// Rows that lie together, in parts of `part` elements: a block for each part.
template <class E, bool MOST>
__global__ void extreme_of_rows(const E* x, int64* out, int64 width, int64 part, int64 parts) {
    typedef typename Compared<E>::type C;
    const E* row = x + blockIdx.x / parts * width;
    const int64 start = blockIdx.x % parts * part, stop = start + part < width ? start + part : width;
    Standing<C> found = {C(0), -1};
    for (int64 i = start + threadIdx.x; i < stop; i += blockDim.x)
        found = first_of<MOST>(found, Standing<C>{(C)row[i], i});
    found = first_of_block<MOST>(found);
    if (threadIdx.x == 0) out[blockIdx.x] = found.at;
}

// A block for each row, which chooses among what was found in its parts.
template <class E, bool MOST>
__global__ void extreme_of_parts(const E* x, const int64* places, int64* out, int64 width, int64 parts) {
    typedef typename Compared<E>::type C;
    const E* row = x + blockIdx.x * width;
    Standing<C> found = {C(0), -1};
    for (int64 p = threadIdx.x; p < parts; p += blockDim.x) {
        const int64 at = places[blockIdx.x * parts + p];
        found = first_of<MOST>(found, Standing<C>{(C)row[at], at});
    }
    found = first_of_block<MOST>(found);
    if (threadIdx.x == 0) out[blockIdx.x] = found.at;
}

// Rows whose elements lie `after` apart: a thread for each, neighbours side by side.
template <class E, bool MOST>
__global__ void extreme_of_columns(const E* x, int64* out, int64 size, int64 width, int64 after) {
    typedef typename Compared<E>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const E* row = x + start_of(i, width, after);
        Standing<C> found = {(C)row[0], 0};
        for (int64 k = 1; k < width; k++) {
            const C value = (C)row[k * after];
            if (goes_before<MOST>(value, found.value)) found = Standing<C>{value, k};
        }
        out[i] = found.at;
    }
}
