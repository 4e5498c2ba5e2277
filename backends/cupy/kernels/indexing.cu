// Taking by indices: arrays are (before, axis, after), and elements that lie together are moved together.

#include "moved.cuh"

// out[b, k, a] = x[b, index[k], a]; `class N` counts the elements.
template <class M, class I, class N>
__global__ void take(const M* x, const I* index, M* out, int64 size, int64 axis, int64 count, int64 after,
                     bool behind, uint64* fault) {
    const N width = (N)after, many = (N)count;
    for (N i = (N)blockIdx.x * blockDim.x + threadIdx.x; i < (N)size; i += (N)gridDim.x * blockDim.x) {
        const N row = i / width, b = row / many, k = row - b * many, a = i - row * width;
        out[i] = x[((int64)b * axis + place_of(index[k], axis, behind, fault)) * after + a];
    }
}

// out[b, k, a] = x[b, index[b, k, a], a]
template <class M, class I, class N>
__global__ void gather(const M* x, const I* index, M* out, int64 size, int64 axis, int64 count, int64 after,
                       bool behind, uint64* fault) {
    const N width = (N)after, many = (N)count;
    for (N i = (N)blockIdx.x * blockDim.x + threadIdx.x; i < (N)size; i += (N)gridDim.x * blockDim.x) {
        const N row = i / width, b = row / many, a = i - row * width;
        out[i] = x[((int64)b * axis + place_of(index[i], axis, behind, fault)) * after + a];
    }
}

const int AXES = 12, ARRAYS = 8;

// What a key selects, as a kernel's argument: the axes of the result, how far a step along each goes in the indexed
// array, and the arrays of indices with their own steps, the sizes of the axes that they index and how far an index goes.
struct Key {
    int64 sizes[AXES], steps[AXES];
    uint64 indices[ARRAYS];
    int64 index_steps[ARRAYS][AXES], index_sizes[ARRAYS], index_goes[ARRAYS];
    int64 start;
    int axes, arrays;
};

// The place of each element that a key selects.
template <class I> __global__ void positions(Key key, int64* out, int64 size, bool behind, uint64* fault) {
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        int64 place = key.start, rest = i;
        int64 at[ARRAYS];
#pragma unroll
        for (int k = 0; k < ARRAYS; k++) at[k] = 0;
        for (int axis = key.axes - 1; axis >= 0; axis--) {
            const int64 n = key.sizes[axis], step = rest % n;
            rest /= n;
            place += step * key.steps[axis];
#pragma unroll
            for (int k = 0; k < ARRAYS; k++) at[k] += step * key.index_steps[k][axis];
        }
#pragma unroll
        for (int k = 0; k < ARRAYS; k++)
            if (k < key.arrays)
                place += place_of(((const I*)key.indices[k])[at[k]], key.index_sizes[k], behind, fault) * key.index_goes[k];
        out[i] = place;
    }
}
