// Dropout: elements are set to zero where a draw says so, and the others scaled.

#include "moved.cuh"
#include "philox.cuh"

// Eight elements in a row, or fewer at the end, each times `scale` where its bit of `kept` is set and times 0 where not.
template <class T>
__device__ void scale_kept(const T* x, T* out, int count, unsigned kept, typename Computed<T>::type scale) {
    typedef typename Computed<T>::type C;
    const int each = Pack<T>::count;
    if (count % each == 0 && ((uint64)x | (uint64)out) % 16 == 0) {
        for (int i = 0; i < count; i += each) {
            Pack<T> pack = *(const Pack<T>*)(x + i);
#pragma unroll
            for (int j = 0; j < each; j++)
                pack.items[j] = (T)((C)pack.items[j] * (kept >> (i + j) & 1 ? scale : C(0)));
            *(Pack<T>*)(out + i) = pack;
        }
        return;
    }
    for (int i = 0; i < count; i++) out[i] = (T)((C)x[i] * (kept >> i & 1 ? scale : C(0)));
}

// One Philox block is drawn for eight elements, or for four where each takes a whole word (`wide`). What is kept is left
// in `bits`, a byte for each block, if they are not null.
template <class T>
__global__ void dropout(const T* x, T* out, unsigned char* bits, int64 n, uint64 key, uint64 c0, uint64 c1, uint64 c2,
                        uint64 c3, uint64 bound, double scale, bool wide) {
    typedef typename Computed<T>::type C;
    const int each = wide ? 4 : 8;
    const C factor = (C)(T)(C)scale;
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * each < n; b += (int64)gridDim.x * blockDim.x) {
        const Block block = philox(key, c0, c1, c2, c3, b);
        unsigned kept = 0;
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (i < each) kept |= (unsigned)((wide ? block.words[i & 3] : (uint64)block.half(i)) < bound) << i;
        if (bits) bits[b] = (unsigned char)kept;
        const int64 left = n - b * each;
        scale_kept(x + b * each, out + b * each, left < each ? (int)left : each, kept, factor);
    }
}

// The way back, by what was kept.
template <class T>
__global__ void dropout_back(const T* g, T* out, const unsigned char* bits, int64 n, double scale, bool wide) {
    typedef typename Computed<T>::type C;
    const int each = wide ? 4 : 8;
    const C factor = (C)(T)(C)scale;
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * each < n; b += (int64)gridDim.x * blockDim.x) {
        const int64 left = n - b * each;
        scale_kept(g + b * each, out + b * each, left < each ? (int)left : each, bits[b], factor);
    }
}
