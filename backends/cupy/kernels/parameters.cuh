#include "moved.cuh"

const int MOST = 36, LISTS = 4, CHUNK = 8192;

// Parameters and their state, first where each is read and then where it is written (the gradient, the second, is only
// read), with what differs from parameter to parameter. It is a kernel's argument, and as large as one may be.
struct Parameters {
    uint64 from[LISTS + 1][MOST], to[LISTS][MOST];
    int64 sizes[MOST];
    double first[MOST], second[MOST], third[MOST];
    int blocks[MOST];
    int count, pad;
};

// Which parameter a block works for, and where it starts.
struct Place {
    int i;
    int64 start, stop;
};

__device__ inline Place place_of_block(const Parameters& all) {
    int i = 0;
    while (i + 1 < all.count && (int)blockIdx.x >= all.blocks[i]) i++;
    const int64 start = (int64)(blockIdx.x - (i ? all.blocks[i - 1] : 0)) * CHUNK, size = all.sizes[i];
    return Place{i, start, start + CHUNK < size ? start + CHUNK : size};
}

// `step` is given an element of a parameter, of its gradient and of what is remembered of it, and leaves what they
// become; memory is read and written by sixteen bytes where all of it starts at a multiple of them.
template <int LINES, class T, class Step>
__device__ void every(const Parameters& all, const Place& at, const Step& step) {
    typedef typename Computed<T>::type C;
    const int each = Pack<T>::count;
    const T* from[LINES];
    T* to[LINES];
    uint64 places = 0;
#pragma unroll
    for (int k = 0; k < LINES; k++) {
        from[k] = (const T*)all.from[k][at.i];
        to[k] = (T*)all.to[k > 1 ? k - 1 : 0][at.i];
        places |= (uint64)from[k] | (uint64)to[k];
    }
    const int64 rest = places % 16 ? at.start : at.stop - (at.stop - at.start) % each;
    for (int64 i = at.start + threadIdx.x * each; i < rest; i += blockDim.x * each) {
        Pack<T> packs[LINES];
#pragma unroll
        for (int k = 0; k < LINES; k++) packs[k] = *(const Pack<T>*)(from[k] + i);
#pragma unroll
        for (int j = 0; j < each; j++) {
            C x[LINES];
#pragma unroll
            for (int k = 0; k < LINES; k++) x[k] = (C)packs[k].items[j];
            step(x);
#pragma unroll
            for (int k = 0; k < LINES; k++) packs[k].items[j] = (T)x[k];
        }
#pragma unroll
        for (int k = 0; k < LINES; k++)
            if (k != 1) *(Pack<T>*)(to[k] + i) = packs[k];
    }
    for (int64 i = rest + threadIdx.x; i < at.stop; i += blockDim.x) {
        C x[LINES];
#pragma unroll
        for (int k = 0; k < LINES; k++) x[k] = (C)from[k][i];
        step(x);
#pragma unroll
        for (int k = 0; k < LINES; k++)
            if (k != 1) to[k][i] = (T)x[k];
    }
}

// The greater of two, or what is not a number.
template <class C> __device__ C greater(C a, C b) { return a > b || a != a ? a : b; }
