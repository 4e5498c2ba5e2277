// What surrounds products of matrices: the bias that they are added to, an activation, sums of columns, and products of
// vectors.
#include "activation.cuh"
#include "moved.cuh"

// The bias in every row. `across` threads of a block stand beside each other, the others below them.
template <class T, bool WIDE>
__global__ void fill_rows(const T* bias, T* out, int64 rows, int64 width, int across) {
    typedef Pack<T, WIDE> P;
    const int64 column = ((int64)blockIdx.x * across + threadIdx.x % across) * P::count;
    if (column >= width) return;
    P pack;
    for (int i = 0; i < P::count; i++) pack.items[i] = bias[column + i];
    const int64 down = blockDim.x / across;
    for (int64 row = blockIdx.y * down + threadIdx.x / across; row < rows; row += gridDim.y * down)
        *(P*)(out + row * width + column) = pack;
}

// An activation of every element of a matrix and the bias of its column, if there is one; what it is of may take the
// matrix's place. Threads stand as above.
template <class L, class T, bool WIDE>
__global__ void activate_rows(T* x, const T* bias, T* out, bool keep, int64 rows, int64 width, int across) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int64 column = ((int64)blockIdx.x * across + threadIdx.x % across) * P::count;
    if (column >= width) return;
    C added[P::count];
    for (int i = 0; i < P::count; i++) added[i] = bias ? (C)bias[column + i] : C(0);
    const int64 down = blockDim.x / across;
    for (int64 row = blockIdx.y * down + threadIdx.x / across; row < rows; row += gridDim.y * down) {
        P inner = *(const P*)(x + row * width + column), pack;
        for (int i = 0; i < P::count; i++) {
            const C sum = bias ? (C)inner.items[i] + added[i] : (C)inner.items[i];
            inner.items[i] = (T)sum;
            pack.items[i] = (T)L::value(sum, 0.0, 0.0);
        }
        if (keep) *(P*)(x + row * width + column) = inner;
        *(P*)(out + row * width + column) = pack;
    }
}

// Adds up what the eight warps of a block have of the same N columns, into the block's line of `out`.
template <class C, int N>
__device__ void join_lines(C (&parts)[8][32 * N], const C (&own)[N], C* out, int64 width, int64 column) {
    const int lane = threadIdx.x & 31, line = threadIdx.x >> 5;
    for (int i = 0; i < N; i++) parts[line][lane * N + i] = own[i];
    __syncthreads();
    if (line > 0 || column >= width) return;
    for (int i = 0; i < N; i++) {
        C sum = C(0);
        for (int k = 0; k < 8; k++) sum += parts[k][lane * N + i];
        out[blockIdx.y * width + column + i] = sum;
    }
}

// The sums of columns over every gridDim.y-th band of eight rows, one line of `out` for each; a block is eight warps.
template <class T, bool WIDE>
__global__ void column_sums(const T* x, typename Computed<T>::type* out, int64 rows, int64 width) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    __shared__ C parts[8][32 * P::count];
    const int lane = threadIdx.x & 31, line = threadIdx.x >> 5;
    const int64 column = ((int64)blockIdx.x * 32 + lane) * P::count;
    C sums[P::count];
    for (int i = 0; i < P::count; i++) sums[i] = C(0);
    if (column < width) {
#pragma unroll 4
        for (int64 row = (int64)blockIdx.y * 8 + line; row < rows; row += (int64)gridDim.y * 8) {
            const P pack = *(const P*)(x + row * width + column);
            for (int i = 0; i < P::count; i++) sums[i] += (C)pack.items[i];
        }
    }
    join_lines(parts, sums, out, width, column);
}

// The sums of channels, whose elements of a sample are so many `packs`: those of all samples are `total`. A block sums
// every gridDim.y-th share of a channel, one line of `out` for each.
template <class T, bool WIDE, class N>
__global__ void channel_sums(const T* x, typename Computed<T>::type* out, int64 total, int64 packs) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int64 channel = blockIdx.x, channels = gridDim.x;
    const N step = (N)gridDim.y * blockDim.x;
    C sum = C(0);
#pragma unroll 4
    for (N i = (N)blockIdx.y * blockDim.x + threadIdx.x; i < (N)total; i += step) {
        const N row = i / (N)packs, place = i - row * (N)packs;
        const P pack = ((const P*)x)[(row * channels + channel) * packs + place];
        for (int k = 0; k < P::count; k++) sum += (C)pack.items[k];
    }
    sum = over_block(sum, Sum(), C(0));
    if (threadIdx.x == 0) out[blockIdx.y * channels + channel] = sum;
}

// The cotangent of what an activation is of, and the sums of its columns as above where `sums` is given.
template <class L, class T, bool WIDE>
__global__ void activation_columns(
    const T* inner, const T* g, T* out, typename Computed<T>::type* sums, int64 rows, int64 width) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    __shared__ C parts[8][32 * P::count];
    const int lane = threadIdx.x & 31, line = threadIdx.x >> 5;
    const int64 column = ((int64)blockIdx.x * 32 + lane) * P::count;
    C own[P::count];
    for (int i = 0; i < P::count; i++) own[i] = C(0);
    if (column < width) {
#pragma unroll 2
        for (int64 row = (int64)blockIdx.y * 8 + line; row < rows; row += (int64)gridDim.y * 8) {
            const int64 place = row * width + column;
            const P x = *(const P*)(inner + place);
            P pack = *(const P*)(g + place);
            for (int i = 0; i < P::count; i++) {
                const C found = (C)pack.items[i] * L::slope((C)x.items[i], 0.0, 0.0);
                own[i] += found;
                pack.items[i] = (T)found;
            }
            *(P*)(out + place) = pack;
        }
    }
    if (!sums) return;
    join_lines(parts, own, sums, width, column);
}

// The sums of the columns of what several blocks have left; a block is eight warps.
template <class T>
__global__ void finish_columns(const typename Computed<T>::type* parts, T* out, int64 rows, int64 width) {
    typedef typename Computed<T>::type C;
    __shared__ C lines[8][32];
    const int lane = threadIdx.x & 31, line = threadIdx.x >> 5;
    const int64 column = (int64)blockIdx.x * 32 + lane;
    C sum = C(0);
    if (column < width)
        for (int64 row = line; row < rows; row += 8) sum += parts[row * width + column];
    lines[line][lane] = sum;
    __syncthreads();
    if (line > 0 || column >= width) return;
    for (int k = 1; k < 8; k++) sum += lines[k][lane];
    out[column] = (T)sum;
}

// The products of vectors, a row of each: one block a row, or several whose shares stand below each other in `parts`.
template <class T>
__global__ void dots(
    const T* a, const T* b, T* out, typename Computed<T>::type* parts, int64 width, int64 step_a, int64 step_b) {
    typedef typename Computed<T>::type C;
    const int64 row = blockIdx.x, rows = gridDim.x;
    a += row * step_a;
    b += row * step_b;
    C sum = C(0);
    const int64 step = (int64)gridDim.y * blockDim.x;
#pragma unroll 4
    for (int64 i = (int64)blockIdx.y * blockDim.x + threadIdx.x; i < width; i += step) sum += (C)a[i] * (C)b[i];
    sum = over_block(sum, Sum(), C(0));
    if (threadIdx.x > 0) return;
    if (gridDim.y == 1) out[row] = (T)sum;
    else parts[blockIdx.y * rows + row] = sum;
}

// The same for short vectors: one thread a row.
template <class T>
__global__ void short_dots(const T* a, const T* b, T* out, int64 rows, int64 width, int64 step_a, int64 step_b) {
    typedef typename Computed<T>::type C;
    for (int64 row = (int64)blockIdx.x * blockDim.x + threadIdx.x; row < rows; row += (int64)gridDim.x * blockDim.x) {
        C sum = C(0);
        for (int64 i = 0; i < width; i++) sum += (C)a[row * step_a + i] * (C)b[row * step_b + i];
        out[row] = (T)sum;
    }
}
