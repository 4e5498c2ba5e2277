// What kernels of attention on tensor cores share (Dao, 2023): tiles of rows in shared memory, and products with them
// of fragments that a warp holds. A row's 16-byte chunks are permuted so that eight rows' chunks of one column lie in
// different banks.
#include "attention.cuh"
#include "mma.cuh"

const int WARPS = 4, THREADS = 32 * WARPS;

// Rows of up to WIDE_ elements; float is multiplied as TF32, to which tiles are rounded as they come.
template <class H_, int WIDE_> struct Heads {
    typedef H_ H;
    static const int WIDE = WIDE_, BYTES = WIDE * (int)sizeof(H);
    // Elements of a chunk, terms of a product, chunks and products of a row.
    static const int EACH = 16 / (int)sizeof(H), DEPTH = 2 * EACH, CHUNKS = BYTES / 16, DEEP = BYTES / 32;
    static const bool HALF = sizeof(H) == 2;
};

// Where a chunk of a row is in a tile, in elements.
template <class P> __device__ int chunk_at(int row, int chunk) {
    return row * P::WIDE + (P::BYTES > 64 ? chunk ^ (row & 7) : chunk ^ (row >> 1 & 3)) * P::EACH;
}

__device__ inline float rounded(float value) { return __uint_as_float(tf32(value)); }
__device__ inline __half rounded(__half value) { return value; }
__device__ inline __nv_bfloat16 rounded(__nv_bfloat16 value) { return value; }

// Begin to copy ROWS rows from `first` on; zeros where there are none.
template <class P, int ROWS>
__device__ void fetch(typename P::H* tile, const typename P::H* from, const View& view, int first, int rows,
                      int width) {
    typedef typename P::H H;
    const int APART = THREADS / P::CHUNKS;
    if (view.aligned) {
        // A thread's rows are a multiple of eight apart, and its chunks are permuted alike, or a multiple of four.
        const int r = threadIdx.x / P::CHUNKS, c = threadIdx.x % P::CHUNKS;
        const int left = c * P::EACH < width ? rows - first - r : 0;
        const Place to = place_of(tile + chunk_at<P>(r, c));
        const H* at = from + (first + r) * view.by_row + c * P::EACH;
        const int64 further = APART * view.by_row;
#pragma unroll
        for (int i = 0; i < ROWS; i += APART, at += further)
            copy_async<16>((to ^ (APART < 8 ? (i & 4) * 16 : 0)) + i * P::BYTES, at, i < left);
        return;
    }
#pragma unroll 1
    for (int i = threadIdx.x; i < ROWS * P::WIDE; i += THREADS) {
        const int r = i / P::WIDE, e = i % P::WIDE;
        tile[chunk_at<P>(r, e / P::EACH) + e % P::EACH] =
            rounded(first + r < rows && e < width ? from[(first + r) * view.by_row + e] : H(0.f));
    }
}

// Round what this thread has fetched of a tile, which is there, before others read it.
template <class P, int ROWS> __device__ void settle(typename P::H* tile, const View& view) {
    if constexpr (!P::HALF) {
        if (!view.aligned) return;
        const int r = threadIdx.x / P::CHUNKS, c = threadIdx.x % P::CHUNKS;
#pragma unroll
        for (int i = 0; i < ROWS; i += THREADS / P::CHUNKS) {
            float4* at = (float4*)(tile + chunk_at<P>(r + i, c));
            const float4 x = *at;
            *at = float4{rounded(x.x), rounded(x.y), rounded(x.z), rounded(x.w)};
        }
    }
}

// Where this lane's part of the fragments of 16 rows from `row` on begins: of an `a`, or, of a transposed tile of
// 16-bit elements, two neighbouring `b`.
template <class P> __device__ Place of_rows(const void* tile, int row) {
    const int lane = threadIdx.x & 31;
    return place_of(tile) + chunk_at<P>(row + (lane & 15), lane >> 4) * (int)sizeof(typename P::H);
}

// The same of two neighbouring `b`, where a tile's rows are the product's columns; or of a transposed `a`.
template <class P> __device__ Place of_columns(const void* tile) {
    const int lane = threadIdx.x & 31;
    return place_of(tile) + chunk_at<P>((lane & 7) + (lane >> 4) * 8, lane >> 3 & 1) * (int)sizeof(typename P::H);
}

// The same of two neighbouring `b`, where a tile's rows are the product's terms. Of TF32, terms t and t + 4 are rows 2t
// and 2t + 1: so two columns of a d are those of an a, and what a warp reads at once lies in different banks.
template <class P> __device__ Place of_terms(const void* tile) {
    if constexpr (P::HALF) return of_rows<P>(tile, 0);
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    return place_of(tile) + (chunk_at<P>(2 * t, g >> 2) + (g & 3)) * 4;
}

// The place of the 32 bytes of columns that are number k, and of the 16 rows that are number n: where a tile begins,
// the bits that tell a row's chunks are zeros.
template <class P> __device__ Place moved(Place from, int n, int k) { return (from ^ k * 32) + n * 16 * P::BYTES; }

// Two neighbouring `b` of the 16 columns that are number n, and of the terms that are number k.
template <class P> __device__ void load_terms(unsigned (&b)[4], Place terms, int k, int n) {
    if constexpr (P::HALF) {
        load_transposed(b, moved<P>(terms, k, n));
    } else {
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const Place at = (terms ^ n * 64 + j * 32) + k * 8 * P::BYTES;
            b[2 * j] = load_word(at);
            b[2 * j + 1] = load_word((at ^ 16) + P::BYTES);
        }
    }
}

// Fragments of d as an a: two that are neighbours, or of TF32 one, whose terms go as `of_terms` has them.
template <class P> __device__ void as_left(unsigned (&a)[4], const float (*d)[4]) {
    if constexpr (P::HALF) {
        a[0] = pack<typename P::H>(d[0][0], d[0][1]);
        a[1] = pack<typename P::H>(d[0][2], d[0][3]);
        a[2] = pack<typename P::H>(d[1][0], d[1][1]);
        a[3] = pack<typename P::H>(d[1][2], d[1][3]);
    } else {
        a[0] = tf32(d[0][0]);
        a[1] = tf32(d[0][2]);
        a[2] = tf32(d[0][1]);
        a[3] = tf32(d[0][3]);
    }
}

// sums += a b by bands, b being STEP rows of a tile as they are.
template <class P, int STEP, int BANDS, int COUNT>
__device__ void add_products(float (&sums)[BANDS][P::WIDE / 8][4], const float (&left)[BANDS][COUNT][4], Place terms) {
    const int EACH = P::DEPTH / 8;
#pragma unroll
    for (int k = 0; k < STEP / P::DEPTH; k++) {
        unsigned a[BANDS][4];
#pragma unroll
        for (int m = 0; m < BANDS; m++) as_left<P>(a[m], left[m] + k * EACH);
#pragma unroll
        for (int n = 0; n < P::WIDE / 16; n++) {
            unsigned b[4];
            load_terms<P>(b, terms, k, n);
#pragma unroll
            for (int m = 0; m < BANDS; m++) {
                product<typename P::H>(sums[m][2 * n], a[m], b[0], b[1]);
                product<typename P::H>(sums[m][2 * n + 1], a[m], b[2], b[3]);
            }
        }
    }
}

// found += the products of 16 rows of each band, held as fragments, with 16 rows of a tile.
template <class P, int BANDS, int COUNT>
__device__ void add_products_of_rows(float (&found)[BANDS][COUNT][4], int n, const unsigned (&rows)[BANDS][4],
                                     Place tile) {
    unsigned b[4];
    load_matrices(b, tile);
#pragma unroll
    for (int m = 0; m < BANDS; m++) {
        product<typename P::H>(found[m][n], rows[m], b[0], b[1]);
        product<typename P::H>(found[m][n + 1], rows[m], b[2], b[3]);
    }
}

template <int BANDS, int COUNT> __device__ void clear(float (&found)[BANDS][COUNT][4]) {
#pragma unroll
    for (int m = 0; m < BANDS; m++)
#pragma unroll
        for (int n = 0; n < COUNT; n++) found[m][n][0] = found[m][n][1] = found[m][n][2] = found[m][n][3] = 0;
}

// Two numbers that are neighbours in a row of a tile.
__device__ inline void put(__half* to, float one, float other) { *(unsigned*)to = pack<__half>(one, other); }
__device__ inline void put(__nv_bfloat16* to, float one, float other) {
    *(unsigned*)to = pack<__nv_bfloat16>(one, other);
}
__device__ inline void put(float* to, float one, float other) { *(float2*)to = float2{one, other}; }

// Write 16 rows that a warp holds, times `factors` of rows g and g + 8, by way of its own part of a tile.
template <class P>
__device__ void store(typename P::H* tile, const float (&sums)[P::WIDE / 8][4], float upper, float lower,
                      typename P::H* to, const View& view, int first, int rows, int width) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    __syncwarp();
#pragma unroll
    for (int n = 0; n < P::WIDE / 8; n++) {
        const int chunk = (n * 8 + 2 * t) / P::EACH, e = 2 * t % P::EACH;
        put(tile + chunk_at<P>(g, chunk) + e, sums[n][0] * upper, sums[n][1] * upper);
        put(tile + chunk_at<P>(g + 8, chunk) + e, sums[n][2] * lower, sums[n][3] * lower);
    }
    __syncwarp();
    if (view.aligned) {
#pragma unroll
        for (int i = lane; i < 16 * P::CHUNKS; i += 32) {
            const int r = i / P::CHUNKS, c = i % P::CHUNKS;
            if (first + r < rows && c * P::EACH < width)
                *(int4*)(to + (first + r) * view.by_row + c * P::EACH) = *(const int4*)(tile + chunk_at<P>(r, c));
        }
        return;
    }
#pragma unroll 1
    for (int i = lane; i < 16 * P::WIDE; i += 32) {
        const int r = i / P::WIDE, e = i % P::WIDE;
        if (first + r < rows && e < width)
            to[(first + r) * view.by_row + e] = tile[chunk_at<P>(r, e / P::EACH) + e % P::EACH];
    }
}
