// Attention on tensor cores, of 16-bit floats and of float32 rounded to TF32: as attention.cu, with products of
// fragments. Blocks take the room for their tiles from the launch; `attention.py` knows how much. Nobody has timed the
// tiles: a thread's sums take at most 128 registers and a block's room at most 99 KB (what compute capability 8.6 has),
// where it can be so that two blocks share a multiprocessor of 8.0 (164 KB).
#include "attention_mma.cuh"

// The tiles' rows: what a kernel's block owns is in ROWS, what it goes over in STEP.
template <class P> struct Forward {
    static const int BANDS = P::WIDE > 128 ? 1 : 2, ROWS = 16 * BANDS * WARPS;
    static const int STEP = P::HALF ? (P::WIDE > 64 ? 32 : 64) : 2048 / P::WIDE;
    static const int ROOM = (ROWS + 2 * STEP) * P::BYTES;
};
template <class P, bool BY_KEY> struct Backward {
    // Where the sums of both gradients are too many, blocks of their own find the values'.
    static const bool SPLITS = BY_KEY && P::WIDE > 128;
    // How many of both operands that a block owns stay in registers as fragments; the others stay in shared memory.
    static const int HELD = P::BYTES > 256 ? 0 : BY_KEY && P::WIDE > 64 ? 1 : 2;
    static const int ROWS = 16 * WARPS, STEP = HELD == 1 ? 16 : P::BYTES > 128 ? 8192 / P::BYTES : 64;
    // How much of a tile a warp multiplies at a time.
    static const int PART = P::BYTES > 128 || !P::HALF ? 16 : P::BYTES > 64 ? 32 : 64;
    static const int ROOM = (4 * STEP + (2 - HELD) * ROWS) * P::BYTES + 16 * STEP;
};

struct Larger {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

// The four lanes that hold a row agree.
template <class Op> __device__ float over_quad(float value, Op op) {
    value = op(value, __shfl_xor_sync(0xffffffffu, value, 1));
    return op(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

// out = softmax(scale q k^T + mask) v and lse: a block has ROWS queries, each warp BANDS times 16 of them.
template <class P>
__global__ void __launch_bounds__(THREADS) attention_mma(View q, View k, View v, View mask, View out, float* lse,
                                                         Plan plan) {
    typedef Forward<P> F;
    typedef typename P::H H;
    const int BANDS = F::BANDS, ROWS = F::ROWS, STEP = F::STEP, WIDE = P::WIDE;
    H* queries = (H*)room(F::ROOM);
    H* keys = queries + ROWS * WIDE;
    H* values = keys + STEP * WIDE;
    const int number = blockIdx.x % plan.tiles;
    // Under a causal mask the last queries take longest: they begin first.
    const int first = (plan.causal ? plan.tiles - 1 - number : number) * ROWS;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int own = first + warp * 16 * BANDS;
    int place[3];
    locate<ALL>(place, blockIdx.x / plan.tiles, plan);
    const H* k_rows = rows_of<H>(k, place);
    const H* v_rows = rows_of<H>(v, place);
    const int64 mask_batch = offset_of(mask, place);
    const float scale = (float)(plan.scale * LOG2_E);
    float sums[BANDS][WIDE / 8][4], top[BANDS][2], total[BANDS][2];
    clear(sums);
#pragma unroll
    for (int m = 0; m < BANDS; m++) {
        top[m][0] = top[m][1] = -infinity<float>();
        total[m][0] = total[m][1] = 0;
    }
    const int last = plan.causal && first + ROWS < plan.keys ? first + ROWS : plan.keys;
    const Place at_queries = of_rows<P>(queries, warp * BANDS * 16), at_keys = of_columns<P>(keys);
    const Place at_values = of_terms<P>(values);
    fetch<P, ROWS>(queries, rows_of<H>(q, place), q, first, plan.queries, plan.width);
    fetch<P, STEP>(keys, k_rows, k, 0, plan.keys, plan.width);
    commit_copies();
#pragma unroll 1
    for (int start = 0; start < last; start += STEP) {
        // The keys are there, and nobody needs the values before.
        wait_for_copies<0>();
        if (start == 0) settle<P, ROWS>(queries, q);
        settle<P, STEP>(keys, k);
        __syncthreads();
        fetch<P, STEP>(values, v_rows, v, start, plan.keys, plan.value_width);
        commit_copies();
        const bool works = own < plan.queries && (!plan.causal || start < own + 16 * BANDS);
        float scores[BANDS][STEP / 8][4];
        if (works) {
            clear(scores);
#pragma unroll
            for (int e = 0; e < P::DEEP; e++) {
                unsigned a[BANDS][4];
#pragma unroll
                for (int m = 0; m < BANDS; m++) load_matrices(a[m], moved<P>(at_queries, m, e));
#pragma unroll
                for (int n = 0; n < STEP / 16; n++) add_products_of_rows<P>(scores, 2 * n, a, moved<P>(at_keys, n, e));
            }
            const bool plain = plan.kind == 0 && scale > 0 && start + STEP <= plan.keys &&
                               (!plan.causal || start + STEP <= own + 1);
            if (!plain && plan.kind == 0) {
#pragma unroll
                for (int m = 0; m < BANDS; m++)
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const int row = own + m * 16 + g + i / 2 * 8;
                        const int seen = (plan.causal && row < plan.keys ? row + 1 : plan.keys) - start - 2 * t - i % 2;
#pragma unroll
                        for (int n = 0; n < STEP / 8; n++)
                            scores[m][n][i] = n * 8 < seen ? scores[m][n][i] * scale : -infinity<float>();
                    }
            } else if (!plain) {
#pragma unroll
                for (int m = 0; m < BANDS; m++)
#pragma unroll
                    for (int n = 0; n < STEP / 8; n++)
#pragma unroll
                        for (int i = 0; i < 4; i++)
                            scores[m][n][i] = masked<H>(plan, mask, mask_batch, scores[m][n][i] * scale,
                                                        own + m * 16 + g + i / 2 * 8, start + n * 8 + 2 * t + i % 2,
                                                        (float)LOG2_E);
            }
            const float factor = plain ? scale : 1.f;
#pragma unroll
            for (int m = 0; m < BANDS; m++)
#pragma unroll
                for (int h = 0; h < 2; h++) {
                    float best = -infinity<float>(), part = 0;
#pragma unroll
                    for (int n = 0; n < STEP / 8; n++)
                        best = fmaxf(best, fmaxf(scores[m][n][2 * h], scores[m][n][2 * h + 1]));
                    best = fmaxf(over_quad(best, Larger()) * factor, top[m][h]);
                    const float shift = best == -infinity<float>() ? 0.f : best;
                    const float fade = power_of_two(top[m][h] - shift);
#pragma unroll
                    for (int n = 0; n < STEP / 8; n++)
#pragma unroll
                        for (int i = 2 * h; i < 2 * h + 2; i++) {
                            scores[m][n][i] = power_of_two(fmaf(scores[m][n][i], factor, -shift));
                            part += scores[m][n][i];
                        }
                    total[m][h] = total[m][h] * fade + part;
                    top[m][h] = best;
                    // After the first tiles a greater score is seldom found.
                    if (fade != 1.f)
#pragma unroll
                        for (int n = 0; n < WIDE / 8; n++) {
                            sums[m][n][2 * h] *= fade;
                            sums[m][n][2 * h + 1] *= fade;
                        }
                }
        }
        // The values are there, and nobody needs the keys.
        wait_for_copies<0>();
        settle<P, STEP>(values, v);
        __syncthreads();
        if (start + STEP < last) fetch<P, STEP>(keys, k_rows, k, start + STEP, plan.keys, plan.width);
        commit_copies();
        if (works) add_products<P, STEP>(sums, scores, at_values);
    }
    H* to = rows_of<H>(out, place);
#pragma unroll
    for (int m = 0; m < BANDS; m++) {
        float shares[2];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const float all = over_quad(total[m][h], Sum());
            const int row = own + m * 16 + h * 8 + g;
            shares[h] = all == 0.f ? 0.f : 1.f / all;
            if (t == 0 && row < plan.queries)
                lse[line_of(place, plan) + row] = all == 0.f ? infinity<float>() : top[m][h] + log2f(all);
        }
        store<P>(queries + (warp * BANDS + m) * 16 * WIDE, sums[m], shares[0], shares[1], to, out, own + m * 16,
                 plan.queries, plan.value_width);
    }
}

// The gradient of the queries, of which a block has ROWS and goes over the keys; or (`BY_KEY`) those of keys and
// values, of which a block has ROWS and goes over all queries that see them. `own` and `others` are queries and the
// outputs' gradients, or keys and values: what stays in registers first goes through the tiles.
template <class P, bool BY_KEY>
__global__ void __launch_bounds__(THREADS) attention_mma_grad(View own, View own_too, View others, View others_too,
                                                              View mask, const float* lse, const float* shares,
                                                              View out, View out_too, Plan plan) {
    typedef Backward<P, BY_KEY> B;
    typedef typename P::H H;
    const int ROWS = B::ROWS, STEP = B::STEP, PART = B::PART, WIDE = P::WIDE, HELD = B::HELD, DEEP = P::DEEP;
    // Four tiles, what is kept of both operands, and two tiles' logarithms and shares.
    H* tiles = (H*)room(B::ROOM);
    H* kept = tiles + 4 * STEP * WIDE;
    float* logs = (float*)(kept + (2 - HELD) * ROWS * WIDE);
    float* parts = logs + 2 * STEP;
    // Which of both gradients by key, where others find the other one.
    const bool for_values = B::SPLITS && blockIdx.y != 0;
    const int number = blockIdx.x % plan.tiles;
    // Under a causal mask the last queries take longest, and the first keys.
    const int first = (!BY_KEY && plan.causal ? plan.tiles - 1 - number : number) * ROWS;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int mine = first + warp * 16;
    const int count = BY_KEY ? plan.keys : plan.queries, other_count = BY_KEY ? plan.queries : plan.keys;
    const float scale = (float)(plan.scale * LOG2_E);
    int place[3] = {0, 0, 0};
    locate<BY_KEY ? OWN : ALL>(place, blockIdx.x / plan.tiles, plan);
    unsigned held[HELD > 0 ? DEEP : 1][1][4], held_too[HELD > 1 ? DEEP : 1][1][4];
    H* own_tile = HELD > 0 ? tiles : kept;
    H* own_tile_too = HELD > 1 ? tiles + 2 * STEP * WIDE : HELD > 0 ? kept : kept + ROWS * WIDE;
    fetch<P, ROWS>(own_tile, rows_of<H>(own, place), own, first, count, plan.width);
    fetch<P, ROWS>(own_tile_too, rows_of<H>(own_too, place), own_too, first, count, plan.value_width);
    commit_copies();
    wait_for_copies<0>();
    settle<P, ROWS>(own_tile, own);
    settle<P, ROWS>(own_tile_too, own_too);
    __syncthreads();
    const Place at_own = of_rows<P>(own_tile, warp * 16), at_own_too = of_rows<P>(own_tile_too, warp * 16);
#pragma unroll
    for (int e = 0; e < DEEP; e++) {
        if (HELD > 0) load_matrices(held[e][0], moved<P>(at_own, 0, e));
        if (HELD > 1) load_matrices(held_too[e][0], moved<P>(at_own_too, 0, e));
    }
    __syncthreads();
    float sums[1][WIDE / 8][4], sums_too[1][BY_KEY && !B::SPLITS ? WIDE / 8 : 1][4], row_log[2], row_part[2];
    clear(sums);
    clear(sums_too);
    for (int h = 0; h < 2; h++) {
        const int row = mine + h * 8 + g;
        const bool there = !BY_KEY && row < plan.queries;
        row_log[h] = there ? lse[line_of(place, plan) + row] : 0.f;
        row_part[h] = there ? shares[line_of(place, plan) + row] : 0.f;
    }
    // Under a causal mask no query before the keys sees them.
    const int begin = BY_KEY && plan.causal ? first : 0;
    const int end = !BY_KEY && plan.causal && first + ROWS < other_count ? first + ROWS : other_count;
    const int repeats = BY_KEY ? repeats_of(plan) : 1;
    const int steps = begin < end ? (end - begin + STEP - 1) / STEP * repeats : 0;
    // The tile that comes next.
    int repeat = 0, next = begin;
    const H* from = rows_of<H>(others, place);
    const H* from_too = rows_of<H>(others_too, place);
    int64 line = line_of(place, plan), batch = offset_of(mask, place);

    auto bring = [&](int to) {
        H* tile = tiles + to * STEP * WIDE;
        fetch<P, STEP>(tile, from, others, next, other_count, plan.width);
        fetch<P, STEP>(tile + STEP * WIDE, from_too, others_too, next, other_count, plan.value_width);
        if (BY_KEY && threadIdx.x < 2 * STEP) {
            const int i = threadIdx.x % STEP;
            const bool there = next + i < plan.queries;
            copy_async<4>((threadIdx.x < STEP ? logs : parts) + to / 2 * STEP + i,
                          (threadIdx.x < STEP ? lse : shares) + (there ? line + next + i : 0), there);
        }
    };

    if (steps > 0) bring(0);
    commit_copies();
    const Place at_columns = of_columns<P>(tiles), at_terms = of_terms<P>(tiles);
    int now = 0;
#pragma unroll 1
    for (int step = 0; step < steps; step++, now ^= 2) {
        // The tiles are there, and nobody needs those before.
        wait_for_copies<0>();
        settle<P, STEP>(tiles + now * STEP * WIDE, others);
        settle<P, STEP>(tiles + (now + 1) * STEP * WIDE, others_too);
        __syncthreads();
        const int start = next;
        const int64 mask_batch = batch;
        next += STEP;
        if (BY_KEY && next >= end && ++repeat < repeats) {
            next = begin;
            locate<SHARED>(place, repeat, plan);
            from = rows_of<H>(others, place);
            from_too = rows_of<H>(others_too, place);
            line = line_of(place, plan);
            batch = offset_of(mask, place);
        }
        if (step + 1 < steps) bring(now ^ 2);
        commit_copies();
        if (mine >= count || (plan.causal && (BY_KEY ? start + STEP <= mine : start >= mine + 16))) continue;
        // Rows that are not there are zeros, and so is what they bring, if their weights are finite.
        const bool plain = plan.kind == 0 && (BY_KEY || start + STEP <= plan.keys) &&
                           (!plan.causal || (BY_KEY ? start >= mine + 15 : start + STEP <= mine + 1));
#pragma unroll
        for (int part = 0; part < STEP; part += PART) {
            const int tile = (now * STEP + part) * P::BYTES, tile_too = tile + STEP * P::BYTES;
            float weights[1][PART / 8][4], slopes[1][PART / 8][4];
            clear(weights);
            clear(slopes);
#pragma unroll
            for (int e = 0; e < DEEP; e++) {
                unsigned(&a)[1][4] = held[HELD > 0 ? e : 0];
                unsigned(&a_too)[1][4] = held_too[HELD > 1 ? e : 0];
                if (HELD < 1) load_matrices(a[0], moved<P>(at_own, 0, e));
                if (HELD < 2 && !for_values) load_matrices(a_too[0], moved<P>(at_own_too, 0, e));
#pragma unroll
                for (int n = 0; n < PART / 16; n++) {
                    add_products_of_rows<P>(weights, 2 * n, a, moved<P>(at_columns + tile, n, e));
                    if (for_values) continue;
                    add_products_of_rows<P>(slopes, 2 * n, a_too, moved<P>(at_columns + tile_too, n, e));
                }
            }
            // Rows are of the queries and columns of the keys, or the other way round.
            const int row = mine + g, column = start + part + 2 * t;
            if (plan.kind != 0) {
#pragma unroll
                for (int n = 0; n < PART / 8; n++)
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const int r = row + i / 2 * 8, c = column + n * 8 + i % 2;
                        weights[0][n][i] = masked<H>(plan, mask, mask_batch, weights[0][n][i] * scale, BY_KEY ? c : r,
                                                     BY_KEY ? r : c, (float)LOG2_E);
                    }
            } else if (!plain) {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int r = row + i / 2 * 8;
                    const int edge = (BY_KEY ? r : plan.causal && r < plan.keys ? r + 1 : plan.keys) - column - i % 2;
#pragma unroll
                    for (int n = 0; n < PART / 8; n++) {
                        const bool seen = BY_KEY ? n * 8 >= edge : n * 8 < edge;
                        weights[0][n][i] = seen ? weights[0][n][i] * scale : -infinity<float>();
                    }
                }
            } else {
#pragma unroll
                for (int n = 0; n < PART / 8; n++)
#pragma unroll
                    for (int i = 0; i < 4; i++) weights[0][n][i] *= scale;
            }
#pragma unroll
            for (int n = 0; n < PART / 8; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int c = part + n * 8 + 2 * t + i % 2;
                    const float log = BY_KEY ? logs[now / 2 * STEP + c] : row_log[i / 2];
                    const float share = BY_KEY ? parts[now / 2 * STEP + c] : row_part[i / 2];
                    weights[0][n][i] = power_of_two(weights[0][n][i] - log);
                    slopes[0][n][i] = weights[0][n][i] * (slopes[0][n][i] - share);
                }
            if (for_values) {
                add_products<P, PART>(sums, weights, at_terms + tile_too);
            } else {
                if constexpr (BY_KEY && !B::SPLITS) add_products<P, PART>(sums_too, weights, at_terms + tile_too);
                add_products<P, PART>(sums, slopes, at_terms + tile);
            }
        }
    }
    __syncthreads();
    H* by_warp = tiles + warp * 16 * WIDE;
    const float factor = (float)plan.scale;
    if (for_values)
        store<P>(by_warp, sums[0], 1.f, 1.f, rows_of<H>(out_too, place), out_too, mine, count, plan.value_width);
    else
        store<P>(by_warp, sums[0], factor, factor, rows_of<H>(out, place), out, mine, count, plan.width);
    if constexpr (BY_KEY && !B::SPLITS)
        store<P>(by_warp, sums_too[0], 1.f, 1.f, rows_of<H>(out_too, place), out_too, mine, count, plan.value_width);
}
