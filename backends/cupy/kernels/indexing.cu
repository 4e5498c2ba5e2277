// Taking and adding along an axis by indices: arrays are (before, axis, after).

// out[b, k, a] = x[b, index[k], a]
template <class E, class I>
__global__ void take(const E* x, const I* index, E* out, int64 size, int64 axis, int64 count, int64 after,
                     uint64* fault) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 k = i / after % count, b = i / after / count;
        out[i] = x[(b * axis + place_of(index[k], axis, fault)) * after + i % after];
    }
}

// out[b, k, a] = x[b, index[b, k, a], a]
template <class E, class I>
__global__ void gather(const E* x, const I* index, E* out, int64 size, int64 axis, int64 count, int64 after,
                       uint64* fault) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 b = i / after / count;
        out[i] = x[(b * axis + place_of(index[i], axis, fault)) * after + i % after];
    }
}

__device__ inline void add_to(float* place, float value) { atomicAdd(place, value); }
__device__ inline void add_to(double* place, double value) { atomicAdd(place, value); }
__device__ inline void add_to(__half* place, __half value) { atomicAdd(place, value); }
__device__ inline void add_to(__nv_bfloat16* place, __nv_bfloat16 value) { atomicAdd(place, value); }
__device__ inline void add_to(int* place, int value) { atomicAdd(place, value); }
__device__ inline void add_to(unsigned* place, unsigned value) { atomicAdd(place, value); }
__device__ inline void add_to(uint64* place, uint64 value) { atomicAdd(place, value); }
__device__ inline void add_to(int64* place, int64 value) { atomicAdd((uint64*)place, (uint64)value); }

// out[b, index[k], a] += source[b, k, a]
template <class A, class I>
__global__ void index_add(A* out, const I* index, const A* source, int64 size, int64 axis, int64 count, int64 after,
                          uint64* fault) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 k = i / after % count, b = i / after / count;
        add_to(out + (b * axis + place_of(index[k], axis, fault)) * after + i % after, source[i]);
    }
}

// out[b, index[b, k, a], a] += source[b, k, a]
template <class A, class I>
__global__ void scatter_add(A* out, const I* index, const A* source, int64 size, int64 axis, int64 count, int64 after,
                            uint64* fault) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 b = i / after / count;
        add_to(out + (b * axis + place_of(index[i], axis, fault)) * after + i % after, source[i]);
    }
}

// A target of many sources, in the order of the sources: `order` sorts the indices stably, and a block's threads take
// the elements of one slice each.
template <class T, class I>
__global__ void index_add_in_order(T* out, const I* sorted, const int64* order, const T* source, int64 axis,
                                   int64 count, int64 after, uint64* fault) {
    typedef typename Computed<T>::type C;
    const int64 k = blockIdx.x, b = blockIdx.y;
    const int64 place = place_of(sorted[k], axis, fault);
    // Only the first of its kind works.
    if (k > 0 && place_of(sorted[k - 1], axis, fault) == place) return;
    for (int64 a = threadIdx.x; a < after; a += blockDim.x) {
        T* target = out + (b * axis + place) * after + a;
        C total = (C)*target;
        for (int64 j = k; j < count && place_of(sorted[j], axis, fault) == place; j++)
            total += (C)source[(b * count + order[j]) * after + a];
        *target = (T)total;
    }
}
