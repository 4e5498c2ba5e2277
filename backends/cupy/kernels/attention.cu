// Attention that never holds the whole matrix of scores (Dao et al., 2022): tiles of TILE queries by TILE keys, four
// threads a row. Arrays are (batch, rows, features) with at most WIDE features; products are summed in the dtype that
// the operands' one is computed in.

// Where a mask's element stands, and of which kind it is: 0 none, 1 which keys take part, 2 what is added to scores.
struct Mask {
    uint64 values;
    int64 by_batch, by_row, by_column;
    int kind, causal;
};

// Tiles that fit a block's shared memory: of features up to 64, or up to 128 (`WIDER`).
template <class T, bool WIDER> struct Tiles {
    typedef typename Computed<T>::type C;
    static const int WIDE = WIDER ? 128 : 64, TILE = (WIDER ? 64 : 128) / (int)sizeof(C);
};

struct Shape {
    int64 queries, keys, width, value_width;
};

template <class T, class C>
__device__ C masked(const Mask& mask, C score, int64 batch, int64 row, int64 column) {
    if (mask.causal && column > row) return -infinity<C>();
    if (mask.kind == 0) return score;
    const int64 at = batch * mask.by_batch + row * mask.by_row + column * mask.by_column;
    if (mask.kind == 1) return ((const bool*)mask.values)[at] ? score : -infinity<C>();
    return score + (C)((const T*)mask.values)[at];
}

// A tile of rows from `first` on, zeros where there are none.
template <class T, class C, int TILE, int WIDE>
__device__ void load(C (&tile)[TILE][WIDE + 1], const T* from, int64 first, int64 rows, int64 width) {
#pragma unroll 4
    for (int i = threadIdx.x; i < TILE * WIDE; i += blockDim.x) {
        const int r = i / WIDE, e = i % WIDE;
        tile[r][e] = first + r < rows && e < width ? (C)from[(first + r) * width + e] : C(0);
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

// out = softmax(scale q k^T + mask) v, and the logarithm of each row's sum of exponentials; a row in which no key
// takes part is zero, and its logarithm -inf.
template <class T, bool WIDER>
__global__ void attention(const T* q, const T* k, const T* v, Mask mask, T* out, typename Computed<T>::type* lse,
                          Shape shape, double scale) {
    typedef typename Computed<T>::type C;
    const int WIDE = Tiles<T, WIDER>::WIDE, TILE = Tiles<T, WIDER>::TILE;
    __shared__ C queries[TILE][WIDE + 1];
    __shared__ C others[TILE][WIDE + 1];
    __shared__ C weights[TILE][TILE + 1];
    const int64 batch = blockIdx.y, first = (int64)blockIdx.x * TILE;
    const int r = threadIdx.x / 4, lane = threadIdx.x % 4;
    const int64 row = first + r;
    load<T, C, TILE, WIDE>(queries, q + batch * shape.queries * shape.width, first, shape.queries, shape.width);
    C total[WIDE / 4];
    for (int e = 0; e < WIDE / 4; e++) total[e] = 0;
    C top = -infinity<C>(), sum = 0;
    const int64 last = mask.causal && first + TILE < shape.keys ? first + TILE : shape.keys;
#pragma unroll 1
    for (int64 start = 0; start < last; start += TILE) {
        __syncthreads();
        load<T, C, TILE, WIDE>(others, k + batch * shape.keys * shape.width, start, shape.keys, shape.width);
        __syncthreads();
        C scores[TILE / 4], best = -infinity<C>();
        for (int j = 0; j < TILE / 4; j++) {
            const int64 column = start + j * 4 + lane;
            scores[j] = column < shape.keys && row < shape.queries
                            ? masked<T, C>(mask, dot<C, TILE, WIDE>(queries, r, others, j * 4 + lane) * (C)scale,
                                           batch, row, column)
                            : -infinity<C>();
            best = Largest()(best, scores[j]);
        }
        best = Largest()(over_row(best, Largest()), top);
        const C shift = best == -infinity<C>() ? C(0) : best, fade = exp(top - shift);
        C part = 0;
        for (int j = 0; j < TILE / 4; j++) {
            const C weight = exp(scores[j] - shift);
            weights[r][j * 4 + lane] = weight;
            part += weight;
        }
        sum = sum * fade + over_row(part, Sum());
        top = best;
        for (int e = 0; e < WIDE / 4; e++) total[e] *= fade;
        __syncthreads();
        load<T, C, TILE, WIDE>(others, v + batch * shape.keys * shape.value_width, start, shape.keys,
                               shape.value_width);
        __syncthreads();
#pragma unroll 1
        for (int c = 0; c < TILE; c++)
            for (int e = 0; e < WIDE / 4; e++) total[e] += weights[r][c] * others[c][e * 4 + lane];
    }
    if (row >= shape.queries) return;
    for (int e = 0; e < WIDE / 4; e++)
        if (e * 4 + lane < shape.value_width)
            out[(batch * shape.queries + row) * shape.value_width + e * 4 + lane] =
                (T)(sum == C(0) ? C(0) : total[e] / sum);
    if (lane == 0) lse[batch * shape.queries + row] = sum == C(0) ? -infinity<C>() : top + log(sum);
}

// sum(g out) of each row, which every score's gradient needs.
template <class T>
__global__ void attention_shares(const T* g, const T* out, typename Computed<T>::type* shares, int64 width) {
    typedef typename Computed<T>::type C;
    C sum = 0;
    for (int64 e = threadIdx.x; e < width; e += blockDim.x)
        sum += (C)g[blockIdx.x * width + e] * (C)out[blockIdx.x * width + e];
    sum = over_block(sum, Sum(), C(0));
    if (threadIdx.x == 0) shares[blockIdx.x] = sum;
}

// A weight, and the gradient of its score.
template <class C> struct Cell { C weight, slope; };

template <class T, class C>
__device__ Cell<C> cell(const Mask& mask, C product, C by_value, C lse, C share, int64 batch, int64 row,
                        int64 column, double scale) {
    const C score = masked<T, C>(mask, product * (C)scale, batch, row, column);
    const C weight = lse == -infinity<C>() ? C(0) : exp(score - lse);
    return Cell<C>{weight, weight * (by_value - share)};
}

// The gradient of the queries: a tile of them goes over all keys.
template <class T, bool WIDER>
__global__ void attention_grad_queries(const T* q, const T* k, const T* v, Mask mask, const T* g,
                                       const typename Computed<T>::type* lse,
                                       const typename Computed<T>::type* shares, T* out, Shape shape, double scale) {
    typedef typename Computed<T>::type C;
    const int WIDE = Tiles<T, WIDER>::WIDE, TILE = Tiles<T, WIDER>::TILE;
    __shared__ C queries[TILE][WIDE + 1];
    __shared__ C gradients[TILE][WIDE + 1];
    __shared__ C keys[TILE][WIDE + 1];
    __shared__ C values[TILE][WIDE + 1];
    __shared__ C slopes[TILE][TILE + 1];
    const int64 batch = blockIdx.y, first = (int64)blockIdx.x * TILE;
    const int r = threadIdx.x / 4, lane = threadIdx.x % 4;
    const int64 row = first + r, line = batch * shape.queries + row;
    load<T, C, TILE, WIDE>(queries, q + batch * shape.queries * shape.width, first, shape.queries, shape.width);
    load<T, C, TILE, WIDE>(gradients, g + batch * shape.queries * shape.value_width, first, shape.queries,
                           shape.value_width);
    C total[WIDE / 4];
    for (int e = 0; e < WIDE / 4; e++) total[e] = 0;
    const int64 last = mask.causal && first + TILE < shape.keys ? first + TILE : shape.keys;
#pragma unroll 1
    for (int64 start = 0; start < last; start += TILE) {
        __syncthreads();
        load<T, C, TILE, WIDE>(keys, k + batch * shape.keys * shape.width, start, shape.keys, shape.width);
        load<T, C, TILE, WIDE>(values, v + batch * shape.keys * shape.value_width, start, shape.keys,
                               shape.value_width);
        __syncthreads();
#pragma unroll 1
        for (int j = 0; j < TILE / 4; j++) {
            const int c = j * 4 + lane;
            C slope = 0;
            if (start + c < shape.keys && row < shape.queries)
                slope = cell<T, C>(mask, dot<C, TILE, WIDE>(queries, r, keys, c),
                                   dot<C, TILE, WIDE>(gradients, r, values, c), lse[line], shares[line], batch, row,
                                   start + c, scale).slope;
            slopes[r][c] = slope;
        }
        __syncwarp();
#pragma unroll 1
        for (int c = 0; c < TILE; c++)
            for (int e = 0; e < WIDE / 4; e++) total[e] += slopes[r][c] * keys[c][e * 4 + lane];
    }
    if (row >= shape.queries) return;
    for (int e = 0; e < WIDE / 4; e++)
        if (e * 4 + lane < shape.width) out[line * shape.width + e * 4 + lane] = (T)(total[e] * (C)scale);
}

// The gradients of keys and values: a tile of them goes over all queries.
template <class T, bool WIDER>
__global__ void attention_grad_keys(const T* q, const T* k, const T* v, Mask mask, const T* g,
                                    const typename Computed<T>::type* lse, const typename Computed<T>::type* shares,
                                    T* key_out, T* value_out, Shape shape, double scale) {
    typedef typename Computed<T>::type C;
    const int WIDE = Tiles<T, WIDER>::WIDE, TILE = Tiles<T, WIDER>::TILE;
    __shared__ C queries[TILE][WIDE + 1];
    __shared__ C gradients[TILE][WIDE + 1];
    __shared__ C keys[TILE][WIDE + 1];
    __shared__ C values[TILE][WIDE + 1];
    __shared__ C slopes[TILE][TILE + 1];
    __shared__ C weights[TILE][TILE + 1];
    const int64 batch = blockIdx.y, first = (int64)blockIdx.x * TILE;
    const int r = threadIdx.x / 4, lane = threadIdx.x % 4;
    const int64 column = first + r;
    load<T, C, TILE, WIDE>(keys, k + batch * shape.keys * shape.width, first, shape.keys, shape.width);
    load<T, C, TILE, WIDE>(values, v + batch * shape.keys * shape.value_width, first, shape.keys, shape.value_width);
    C by_key[WIDE / 4], by_value[WIDE / 4];
    for (int e = 0; e < WIDE / 4; e++) by_key[e] = by_value[e] = 0;
    // Under a causal mask no query before the keys sees them.
#pragma unroll 1
    for (int64 start = mask.causal ? first : 0; start < shape.queries; start += TILE) {
        __syncthreads();
        load<T, C, TILE, WIDE>(queries, q + batch * shape.queries * shape.width, start, shape.queries, shape.width);
        load<T, C, TILE, WIDE>(gradients, g + batch * shape.queries * shape.value_width, start, shape.queries,
                               shape.value_width);
        __syncthreads();
#pragma unroll 1
        for (int j = 0; j < TILE / 4; j++) {
            const int c = j * 4 + lane;
            const int64 row = start + c, line = batch * shape.queries + row;
            Cell<C> found = {C(0), C(0)};
            if (row < shape.queries && column < shape.keys)
                found = cell<T, C>(mask, dot<C, TILE, WIDE>(queries, c, keys, r),
                                   dot<C, TILE, WIDE>(gradients, c, values, r), lse[line], shares[line], batch, row,
                                   column, scale);
            slopes[r][c] = found.slope;
            weights[r][c] = found.weight;
        }
        __syncwarp();
#pragma unroll 1
        for (int c = 0; c < TILE; c++)
            for (int e = 0; e < WIDE / 4; e++) {
                by_key[e] += slopes[r][c] * queries[c][e * 4 + lane];
                by_value[e] += weights[r][c] * gradients[c][e * 4 + lane];
            }
    }
    if (column >= shape.keys) return;
    const int64 line = batch * shape.keys + column;
    for (int e = 0; e < WIDE / 4; e++) {
        if (e * 4 + lane < shape.width) key_out[line * shape.width + e * 4 + lane] = (T)(by_key[e] * (C)scale);
        if (e * 4 + lane < shape.value_width) value_out[line * shape.value_width + e * 4 + lane] = (T)by_value[e];
    }
}
