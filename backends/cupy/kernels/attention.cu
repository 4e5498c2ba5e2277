// Attention that never holds the whole matrix of scores (Dao et al., 2022): tiles of TILE queries by TILE keys, four
// threads a row. Rows have at most WIDE features; products are summed in the dtype that the operands' one is computed
// in.
#include "attention.cuh"
#include "mma.cuh"

// Tiles that fit a block's shared memory: of features up to 64, or up to 128 (`WIDER`).
template <class T, bool WIDER> struct Tiles {
    typedef typename Computed<T>::type C;
    static const int WIDE = WIDER ? 128 : 64, TILE = (WIDER ? 64 : 128) / (int)sizeof(C);
};

// A tile of rows from `first` on, zeros where there are none.
template <class T, class C, int TILE, int WIDE>
__device__ void load(C (&tile)[TILE][WIDE + 1], const T* from, int64 by_row, int first, int rows, int width) {
#pragma unroll 4
    for (int i = threadIdx.x; i < TILE * WIDE; i += blockDim.x) {
        const int r = i / WIDE, e = i % WIDE;
        tile[r][e] = first + r < rows && e < width ? (C)from[(first + r) * by_row + e] : C(0);
    }
}

template <class C, int TILE, int WIDE>
__device__ C dot(const C (&a)[TILE][WIDE + 1], int i, const C (&b)[TILE][WIDE + 1], int j) {
    C sum = 0;
#pragma unroll 8
    for (int e = 0; e < WIDE; e++) sum += a[i][e] * b[j][e];
    return sum;
}

// The four threads of a row agree.
template <class C, class Op> __device__ C over_row(C value, Op op) {
    value = op(value, __shfl_xor_sync(0xffffffffu, value, 1));
    return op(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

// out = softmax(scale q k^T + mask) v, and lse; a row in which no key takes part is zero.
template <class T, bool WIDER>
__global__ void attention(View q, View k, View v, View mask, View out, typename Computed<T>::type* lse, Plan plan) {
    typedef typename Computed<T>::type C;
    const int WIDE = Tiles<T, WIDER>::WIDE, TILE = Tiles<T, WIDER>::TILE;
    __shared__ C queries[TILE][WIDE + 1];
    __shared__ C others[TILE][WIDE + 1];
    __shared__ C weights[TILE][TILE + 1];
    const int first = blockIdx.x % plan.tiles * TILE, r = threadIdx.x / 4, lane = threadIdx.x % 4, row = first + r;
    int place[3];
    locate<ALL>(place, blockIdx.x / plan.tiles, plan);
    const int64 batch = offset_of(mask, place);
    const T* keys = rows_of<T>(k, place);
    const T* values = rows_of<T>(v, place);
    load<T, C, TILE, WIDE>(queries, rows_of<T>(q, place), q.by_row, first, plan.queries, plan.width);
    C total[WIDE / 4];
    for (int e = 0; e < WIDE / 4; e++) total[e] = 0;
    C top = -infinity<C>(), sum = 0;
    const C scale = (C)(plan.scale * LOG2_E);
    const int last = plan.causal && first + TILE < plan.keys ? first + TILE : plan.keys;
#pragma unroll 1
    for (int start = 0; start < last; start += TILE) {
        __syncthreads();
        load<T, C, TILE, WIDE>(others, keys, k.by_row, start, plan.keys, plan.width);
        __syncthreads();
        C scores[TILE / 4], best = -infinity<C>();
        for (int j = 0; j < TILE / 4; j++) {
            scores[j] = masked<T, C>(plan, mask, batch, dot<C, TILE, WIDE>(queries, r, others, j * 4 + lane) * scale,
                                     row, start + j * 4 + lane, (C)LOG2_E);
            best = Largest()(best, scores[j]);
        }
        best = Largest()(over_row(best, Largest()), top);
        const C shift = best == -infinity<C>() ? C(0) : best, fade = exp2(top - shift);
        C part = 0;
        for (int j = 0; j < TILE / 4; j++) {
            const C weight = exp2(scores[j] - shift);
            weights[r][j * 4 + lane] = weight;
            part += weight;
        }
        sum = sum * fade + over_row(part, Sum());
        top = best;
        for (int e = 0; e < WIDE / 4; e++) total[e] *= fade;
        __syncthreads();
        load<T, C, TILE, WIDE>(others, values, v.by_row, start, plan.keys, plan.value_width);
        __syncthreads();
#pragma unroll 1
        for (int c = 0; c < TILE; c++)
            for (int e = 0; e < WIDE / 4; e++) total[e] += weights[r][c] * others[c][e * 4 + lane];
    }
    if (row >= plan.queries) return;
    T* to = rows_of<T>(out, place) + row * out.by_row;
    for (int e = 0; e < WIDE / 4; e++)
        if (e * 4 + lane < plan.value_width) to[e * 4 + lane] = (T)(sum == C(0) ? C(0) : total[e] / sum);
    if (lane == 0) lse[line_of(place, plan) + row] = sum == C(0) ? infinity<C>() : top + log2(sum);
}

// g as the products have it that the shares are taken from.
template <bool ROUNDED> __device__ float factor(float g) { return ROUNDED ? __uint_as_float(tf32(g)) : g; }
template <bool ROUNDED> __device__ double factor(double g) { return g; }

// sum(g out) of each query, which every score's gradient needs: a warp each.
template <class T, bool ROUNDED>
__global__ void attention_shares(View g, View out, typename Computed<T>::type* shares, Plan plan) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)plan.sizes[0] * plan.sizes[1] * plan.sizes[2] * plan.queries;
    const int64 line = (int64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (line >= all) return;
    int place[3];
    locate<ALL>(place, (int)(line / plan.queries), plan);
    const int64 row = line % plan.queries;
    const T* one = rows_of<T>(g, place) + row * g.by_row;
    const T* other = rows_of<T>(out, place) + row * out.by_row;
    C sum = 0;
    for (int e = threadIdx.x & 31; e < plan.value_width; e += 32) sum += factor<ROUNDED>((C)one[e]) * (C)other[e];
    sum = over_warp(sum, Sum());
    if ((threadIdx.x & 31) == 0) shares[line] = sum;
}

// The queries' gradient, of the sums that blocks of keys have added to: a warp each.
template <class T> __global__ void attention_gathered(const float* sums, View out, Plan plan) {
    const int64 all = (int64)plan.sizes[0] * plan.sizes[1] * plan.sizes[2] * plan.queries;
    const int64 line = (int64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (line >= all) return;
    int place[3];
    locate<ALL>(place, (int)(line / plan.queries), plan);
    T* to = rows_of<T>(out, place) + line % plan.queries * out.by_row;
    sums += line * plan.padded;
    for (int e = threadIdx.x & 31; e < plan.width; e += 32) to[e] = (T)(sums[e] * (float)plan.scale);
}

// The gradient of the queries, whose tile goes over all keys; or (`BY_KEY`) those of keys and values, whose tile goes
// over all queries that see them. `own` and `others` are queries and the outputs' gradients, or keys and values.
template <class T, bool WIDER, bool BY_KEY>
__global__ void attention_grad(View own, View own_too, View others, View others_too, View mask,
                               const typename Computed<T>::type* lse, const typename Computed<T>::type* shares,
                               View out, View out_too, Plan plan) {
    typedef typename Computed<T>::type C;
    const int WIDE = Tiles<T, WIDER>::WIDE, TILE = Tiles<T, WIDER>::TILE;
    __shared__ C rows[TILE][WIDE + 1];
    __shared__ C rows_too[TILE][WIDE + 1];
    __shared__ C across[TILE][WIDE + 1];
    __shared__ C across_too[TILE][WIDE + 1];
    __shared__ C slopes[TILE][TILE + 1];
    __shared__ C weights[BY_KEY ? TILE : 1][TILE + 1];
    const int first = blockIdx.x % plan.tiles * TILE, r = threadIdx.x / 4, lane = threadIdx.x % 4;
    const int count = BY_KEY ? plan.keys : plan.queries, other_count = BY_KEY ? plan.queries : plan.keys;
    int place[3] = {0, 0, 0};
    locate<BY_KEY ? OWN : ALL>(place, blockIdx.x / plan.tiles, plan);
    load<T, C, TILE, WIDE>(rows, rows_of<T>(own, place), own.by_row, first, count, plan.width);
    load<T, C, TILE, WIDE>(rows_too, rows_of<T>(own_too, place), own_too.by_row, first, count, plan.value_width);
    C total[WIDE / 4], total_too[BY_KEY ? WIDE / 4 : 1];
    for (int e = 0; e < WIDE / 4; e++) total[e] = 0;
    if (BY_KEY)
        for (int e = 0; e < WIDE / 4; e++) total_too[e] = 0;
    // Under a causal mask no query before the keys sees them.
    const int begin = BY_KEY && plan.causal ? first : 0;
    const int end = !BY_KEY && plan.causal && first + TILE < other_count ? first + TILE : other_count;
    const int repeats = BY_KEY ? repeats_of(plan) : 1;
    const C scale = (C)(plan.scale * LOG2_E);
#pragma unroll 1
    for (int repeat = 0; repeat < repeats; repeat++) {
        if (BY_KEY) locate<SHARED>(place, repeat, plan);
        const int64 batch = offset_of(mask, place), line = line_of(place, plan);
#pragma unroll 1
        for (int start = begin; start < end; start += TILE) {
            __syncthreads();
            load<T, C, TILE, WIDE>(across, rows_of<T>(others, place), others.by_row, start, other_count, plan.width);
            load<T, C, TILE, WIDE>(across_too, rows_of<T>(others_too, place), others_too.by_row, start, other_count,
                                   plan.value_width);
            __syncthreads();
#pragma unroll 1
            for (int j = 0; j < TILE / 4; j++) {
                const int c = j * 4 + lane;
                const int row = BY_KEY ? start + c : first + r, column = BY_KEY ? first + r : start + c;
                C weight = 0, slope = 0;
                if (row < plan.queries && column < plan.keys) {
                    const C score = dot<C, TILE, WIDE>(rows, r, across, c) * scale;
                    weight = exp2(masked<T, C>(plan, mask, batch, score, row, column, (C)LOG2_E) - lse[line + row]);
                    slope = weight * (dot<C, TILE, WIDE>(rows_too, r, across_too, c) - shares[line + row]);
                }
                slopes[r][c] = slope;
                if (BY_KEY) weights[r][c] = weight;
            }
            __syncwarp();
#pragma unroll 1
            for (int c = 0; c < TILE; c++)
                for (int e = 0; e < WIDE / 4; e++) {
                    total[e] += slopes[r][c] * across[c][e * 4 + lane];
                    if (BY_KEY) total_too[e] += weights[r][c] * across_too[c][e * 4 + lane];
                }
        }
    }
    if (first + r >= count) return;
    T* to = rows_of<T>(out, place) + (first + r) * out.by_row;
    for (int e = 0; e < WIDE / 4; e++)
        if (e * 4 + lane < plan.width) to[e * 4 + lane] = (T)(total[e] * (C)plan.scale);
    if (!BY_KEY) return;
    to = rows_of<T>(out_too, place) + (first + r) * out_too.by_row;
    for (int e = 0; e < WIDE / 4; e++)
        if (e * 4 + lane < plan.value_width) to[e * 4 + lane] = (T)total_too[e];
}
