// Attention's gradients in one pass on tensor cores (Dao, 2023): a block owns keys and values, goes over all queries
// that see them, and adds its part of the queries' gradient to float32 sums in device memory. That takes five products
// where attention_mma.cu takes seven, and the same bits do not come in every run. Nobody has timed the tiles: of heads
// of 128 bytes or less a warp has two bands, whose sums take 128 registers and which add to memory half as often; two
// blocks share a multiprocessor of 8.0 but for float32 of 128 features.
#include "attention_mma.cuh"

template <class P> struct Fused {
    static const int BANDS = P::BYTES > 128 ? 1 : 2, ROWS = 16 * BANDS * WARPS;
    static const int STEP = (P::HALF ? 64 : 32) >> (P::WIDE > 64 ? 1 : 0), PART = P::WIDE > 32 ? 16 : 32;
    static const int ROOM = (2 * ROWS + 4 * STEP) * P::BYTES + ROWS * STEP * (int)sizeof(typename P::H) + 16 * STEP;
    // Warps share the queries of a tile by 16, and their features.
    static const int GROUPS = STEP / 16, FEATURES = P::WIDE * GROUPS / WARPS;
    // The slopes lie by keys, which makes a transposed `a` of them; of TF32 by queries.
    typedef Heads<typename P::H, P::HALF ? STEP : ROWS> Slopes;
};

// The slopes of 16 keys from `row` on and of 8 queries from `column` on, for other warps to read. Of TF32, keys go in
// the order in which `of_terms` takes them.
template <class P>
__device__ void share(typename P::H* slopes, const float (&d)[4], int row, int column) {
    typedef typename Fused<P>::Slopes S;
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    if constexpr (P::HALF) {
        put(slopes + chunk_at<S>(row + g, column / 8) + 2 * t, d[0], d[1]);
        put(slopes + chunk_at<S>(row + g + 8, column / 8) + 2 * t, d[2], d[3]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++)
            slopes[chunk_at<S>(column + 2 * t + i % 2, row / 4 + i / 2 * 2 + (g & 1)) + (g >> 1)] = rounded(d[i]);
    }
}

// The gradients of keys and values; that of the queries, without its scale, is added to `sums_by_query`.
template <class U>
__global__ void __launch_bounds__(THREADS) attention_fused_grad(View k, View v, View q, View g, View mask,
                                                                const float* lse, const float* shares,
                                                                float* sums_by_query, View dk, View dv, Plan plan) {
    typedef Fused<U> F;
    typedef typename U::H H;
    typedef typename F::Slopes S;
    const int BANDS = F::BANDS, ROWS = F::ROWS, STEP = F::STEP, PART = F::PART, WIDE = U::WIDE;
    // Keys, values, two tiles of queries and of the outputs' gradients, slopes, and the tiles' logarithms and shares.
    H* keys = (H*)room(F::ROOM);
    H* values = keys + ROWS * WIDE;
    H* tiles = values + ROWS * WIDE;
    H* slopes_by_key = tiles + 4 * STEP * WIDE;
    float* logs = (float*)(slopes_by_key + ROWS * STEP);
    float* parts = logs + 2 * STEP;
    const int first = blockIdx.x % plan.tiles * ROWS;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, t = lane & 3;
    const int own = warp * 16 * BANDS, mine = first + own;
    const float scale = (float)(plan.scale * LOG2_E);
    int place[3] = {0, 0, 0};
    locate<OWN>(place, blockIdx.x / plan.tiles, plan);
    fetch<U, ROWS>(keys, rows_of<H>(k, place), k, first, plan.keys, plan.width);
    fetch<U, ROWS>(values, rows_of<H>(v, place), v, first, plan.keys, plan.value_width);
    float sums[BANDS][WIDE / 8][4], sums_too[BANDS][WIDE / 8][4];
    clear(sums);
    clear(sums_too);
    // Under a causal mask no query before the keys sees them.
    const int begin = plan.causal ? first : 0, end = plan.queries, repeats = repeats_of(plan);
    const int steps = begin < end ? (end - begin + STEP - 1) / STEP * repeats : 0;
    // The tile that comes next.
    int repeat = 0, next = begin;
    const H* from = rows_of<H>(q, place);
    const H* from_too = rows_of<H>(g, place);
    int64 line = line_of(place, plan), batch = offset_of(mask, place);

    auto bring = [&](int to) {
        H* tile = tiles + to * STEP * WIDE;
        fetch<U, STEP>(tile, from, q, next, plan.queries, plan.width);
        fetch<U, STEP>(tile + STEP * WIDE, from_too, g, next, plan.queries, plan.value_width);
        if (threadIdx.x < 2 * STEP) {
            const int i = threadIdx.x % STEP;
            const bool there = next + i < plan.queries;
            copy_async<4>((threadIdx.x < STEP ? logs : parts) + to / 2 * STEP + i,
                          (threadIdx.x < STEP ? lse : shares) + (there ? line + next + i : 0), there);
        }
    };

    if (steps > 0) bring(0);
    commit_copies();
    const Place at_keys = of_rows<U>(keys, own), at_values = of_rows<U>(values, own);
    const Place at_columns = of_columns<U>(tiles), at_terms = of_terms<U>(tiles), at_key_terms = of_terms<U>(keys);
    const Place at_slopes = U::HALF ? of_columns<S>(slopes_by_key) : of_rows<S>(slopes_by_key, 0);
    int now = 0;
#pragma unroll 1
    for (int step = 0; step < steps; step++, now ^= 2) {
        // The tiles are there, and nobody needs those before, nor the slopes.
        wait_for_copies<0>();
        if (step == 0) {
            settle<U, ROWS>(keys, k);
            settle<U, ROWS>(values, v);
        }
        settle<U, STEP>(tiles + now * STEP * WIDE, q);
        settle<U, STEP>(tiles + (now + 1) * STEP * WIDE, g);
        __syncthreads();
        const int start = next;
        const int64 mask_batch = batch, first_line = line;
        next += STEP;
        if (next >= end && ++repeat < repeats) {
            next = begin;
            locate<SHARED>(place, repeat, plan);
            from = rows_of<H>(q, place);
            from_too = rows_of<H>(g, place);
            line = line_of(place, plan);
            batch = offset_of(mask, place);
        }
        if (step + 1 < steps) bring(now ^ 2);
        commit_copies();
        const bool works = mine < plan.keys && (!plan.causal || start + STEP > mine);
        // Queries that are not there are zeros, and so is what they bring.
        const bool plain = plan.kind == 0 && mine + 16 * BANDS <= plan.keys &&
                           (!plan.causal || start >= mine + 16 * BANDS - 1);
#pragma unroll
        for (int part = 0; part < STEP; part += PART) {
            const int tile = (now * STEP + part) * U::BYTES, tile_too = tile + STEP * U::BYTES;
            float weights[BANDS][PART / 8][4], slopes[BANDS][PART / 8][4];
            clear(weights);
            clear(slopes);
            if (works) {
#pragma unroll
                for (int e = 0; e < U::DEEP; e++) {
                    unsigned a[BANDS][4], a_too[BANDS][4];
#pragma unroll
                    for (int m = 0; m < BANDS; m++) {
                        load_matrices(a[m], moved<U>(at_keys, m, e));
                        load_matrices(a_too[m], moved<U>(at_values, m, e));
                    }
#pragma unroll
                    for (int n = 0; n < PART / 16; n++) {
                        add_products_of_rows<U>(weights, 2 * n, a, moved<U>(at_columns + tile, n, e));
                        add_products_of_rows<U>(slopes, 2 * n, a_too, moved<U>(at_columns + tile_too, n, e));
                    }
                }
                const int column = start + part + 2 * t;
#pragma unroll
                for (int m = 0; m < BANDS; m++)
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const int row = mine + m * 16 + (lane >> 2) + i / 2 * 8;
                        const int edge = row >= plan.keys ? plan.queries + STEP : plan.causal ? row : 0;
#pragma unroll
                        for (int n = 0; n < PART / 8; n++) {
                            const int c = column + n * 8 + i % 2, at = now / 2 * STEP + c - start;
                            float& weight = weights[m][n][i];
                            float& slope = slopes[m][n][i];
                            weight *= scale;
                            if (plan.kind != 0)
                                weight = masked<H>(plan, mask, mask_batch, weight, c, row, (float)LOG2_E);
                            else if (!plain && c < edge)
                                weight = -infinity<float>();
                            weight = power_of_two(weight - logs[at]);
                            slope = weight * (slope - parts[at]);
                        }
                    }
                add_products<U, PART>(sums_too, weights, at_terms + tile_too);
                add_products<U, PART>(sums, slopes, at_terms + tile);
            }
#pragma unroll
            for (int m = 0; m < BANDS; m++)
#pragma unroll
                for (int n = 0; n < PART / 8; n++)
                    share<U>(slopes_by_key, slopes[m][n], own + m * 16, part + n * 8);
        }
        __syncthreads();
        const int group = warp % F::GROUPS, piece = warp / F::GROUPS;
        float found[1][F::FEATURES / 8][4];
        clear(found);
#pragma unroll
        for (int key = 0; key < ROWS / U::DEPTH; key++) {
            unsigned a[1][4];
            if (U::HALF) load_transposed(a[0], moved<S>(at_slopes, key, group));
            else load_matrices(a[0], moved<S>(at_slopes, group, key));
#pragma unroll
            for (int n = 0; n < F::FEATURES / 16; n++) {
                unsigned b[4];
                load_terms<U>(b, at_key_terms, key, piece * (F::FEATURES / 16) + n);
                product<H>(found[0][2 * n], a[0], b[0], b[1]);
                product<H>(found[0][2 * n + 1], a[0], b[2], b[3]);
            }
        }
        const int query = start + group * 16;
        float* to = sums_by_query + (first_line + query) * plan.padded + piece * F::FEATURES;
#pragma unroll
        for (int n = 0; n < F::FEATURES / 8; n++)
            if (piece * F::FEATURES + n * 8 < plan.padded)
                add_atomically(to + n * 8, plan.padded, found[0][n], plan.queries - query);
    }
    wait_for_copies<0>();
    __syncthreads();
    H* by_warp = keys + own * WIDE;
    const float factor = (float)plan.scale;
    H* to = rows_of<H>(dk, place);
    H* to_too = rows_of<H>(dv, place);
#pragma unroll
    for (int m = 0; m < BANDS; m++) {
        store<U>(by_warp, sums[m], factor, factor, to, dk, mine + m * 16, plan.keys, plan.width);
        store<U>(by_warp, sums_too[m], 1.f, 1.f, to_too, dv, mine + m * 16, plan.keys, plan.value_width);
    }
}
