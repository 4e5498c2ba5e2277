// Adding and writing where indices say: by atomics, or in an order that is always the same.

#include "moved.cuh"

__device__ inline void add_to(float* place, float value) { atomicAdd(place, value); }
__device__ inline void add_to(double* place, double value) { atomicAdd(place, value); }
__device__ inline void add_to(int* place, int value) { atomicAdd(place, value); }
__device__ inline void add_to(unsigned* place, unsigned value) { atomicAdd(place, value); }
__device__ inline void add_to(uint64* place, uint64 value) { atomicAdd(place, value); }
__device__ inline void add_to(int64* place, int64 value) { atomicAdd((uint64*)place, (uint64)value); }

// out[b, index[k], a] += source[b, k, a]
template <class A, class I, class N>
__global__ void index_add(A* out, const I* index, const A* source, int64 size, int64 axis, int64 count, int64 after,
                          bool behind, uint64* fault) {
    const N width = (N)after, many = (N)count;
    for (N i = (N)blockIdx.x * blockDim.x + threadIdx.x; i < (N)size; i += (N)gridDim.x * blockDim.x) {
        const N row = i / width, b = row / many, k = row - b * many, a = i - row * width;
        add_to(out + ((int64)b * axis + place_of(index[k], axis, behind, fault)) * after + a, source[i]);
    }
}

// The indices counted from the front, none out of range.
template <class I>
__global__ void clamped(const I* index, int64* out, int64 size, int64 axis, bool behind, uint64* fault) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x)
        out[i] = place_of(index[i], axis, behind, fault);
}

// How two elements of a place become one; `class O` is one of these.
struct Adding {
    template <class C> static __device__ C join(C a, C b) { return (C)(a + b); }
};
struct Multiplying {
    template <class C> static __device__ C join(C a, C b) { return (C)(a * b); }
};
struct Greater {
    template <class C> static __device__ C join(C a, C b) { return a > b || a != a ? a : b; }
};
struct Less {
    template <class C> static __device__ C join(C a, C b) { return a < b || a != a ? a : b; }
};

// What elements are joined in: narrow floats in float32, all else as it is.
template <class S> struct Joined { typedef S type; };
template <> struct Joined<__half> { typedef float type; };
template <> struct Joined<__nv_bfloat16> { typedef float type; };

// So many sources make a chunk, which one thread joins.
const int64 CHUNK = 64;

// Sources in the order of the places that they go to: `order` sorts the places stably. A place whose sources lie in one
// chunk is written; of one that reaches beyond its chunk the parts are left at the chunk's edges, first the one that
// began before it, then the one that goes on behind it. Which threads work never matters to the result.
template <class S, class O>
__global__ void join_chunks(S* out, const int64* sorted, const int64* order, const S* source,
                            typename Joined<S>::type* edges, int64 size, int64 chunks, int64 count, int64 axis,
                            int64 after, bool fresh) {
    typedef typename Joined<S>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 a = i % after, chunk = i / after % chunks, b = i / after / chunks;
        const int64 first = chunk * CHUNK, last = first + CHUNK < count ? first + CHUNK : count;
        for (int64 j = first; j < last;) {
            const int64 place = sorted[j];
            const bool begins = j == 0 || sorted[j - 1] != place;
            C total = (C)source[(b * count + order[j]) * after + a];
            for (j++; j < last && sorted[j] == place; j++)
                total = O::join(total, (C)source[(b * count + order[j]) * after + a]);
            if (begins && (j == count || sorted[j] != place)) {
                S* target = out + (b * axis + place) * after + a;
                *target = (S)(fresh ? total : O::join((C)*target, total));
            } else {
                edges[((b * chunks + chunk) * 2 + begins) * after + a] = total;
            }
        }
    }
}

// Joins what chunks have left: the chunk in which a place begins collects the parts of those behind it.
template <class S, class O>
__global__ void join_edges(S* out, const int64* sorted, const typename Joined<S>::type* edges, int64 size,
                           int64 chunks, int64 count, int64 axis, int64 after, bool fresh) {
    typedef typename Joined<S>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 a = i % after, chunk = i / after % chunks, b = i / after / chunks;
        const int64 first = chunk * CHUNK;
        int64 next = first + CHUNK;
        if (next >= count) continue;
        const int64 place = sorted[next];
        if (sorted[next - 1] != place || (first > 0 && sorted[first - 1] == place)) continue;
        C total = edges[((b * chunks + chunk) * 2 + 1) * after + a];
        for (int64 other = chunk + 1; next < count && sorted[next] == place; other++, next += CHUNK)
            total = O::join(total, edges[(b * chunks + other) * 2 * after + a]);
        S* target = out + (b * axis + place) * after + a;
        *target = (S)(fresh ? total : O::join((C)*target, total));
    }
}

// Each place remembers the last source that names it, counted from 1.
__global__ void claim(const int64* places, int* last, int64 size) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x)
        atomicMax(last + places[i], (int)(i + 1));
}

// out[places[k], a] = source[k, a] by the last source of each place; one element for all of them needs none (`single`).
template <class M>
__global__ void write_at(M* out, const int64* places, const int* last, const M* source, int64 size, int64 after,
                         bool single) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 k = i / after, a = i % after;
        if (single || last[places[k]] == (int)(k + 1)) out[places[k] * after + a] = source[single ? 0 : i];
    }
}
