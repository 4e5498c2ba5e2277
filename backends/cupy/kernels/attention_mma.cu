// Attention of 16-bit floats on tensor cores (Dao, 2023): as attention.cu, with products of fragments that a warp
// holds. What is read more than once lies in shared memory in tiles of rows of WIDE elements, whose 16-byte chunks are
// permuted so that eight rows' chunks of one column lie in different banks. Exponentials are powers of two: scores are
// scaled by `scale` log2(e), and `lse` holds the binary logarithm of each row's sum, +inf where no key takes part.
#include "attention.cuh"
#include "mma.cuh"

const int WARPS = 4, THREADS = 32 * WARPS;
const float LOG2_E = 1.4426950408889634f;

// The tiles' rows: what a kernel's block owns is in ROWS or KEYS, what it goes over in STEP. 48 KB are enough for all.
template <int WIDE> struct Forward {
    static const int BANDS = 2, ROWS = 16 * BANDS * WARPS, STEP = WIDE > 64 ? 32 : 64;
};
template <int WIDE, bool BY_KEY> struct Backward {
    // Whether registers have room for fragments of both operands that a block owns.
    static const bool HOLDS = !BY_KEY || WIDE <= 64;
    static const int ROWS = 16 * WARPS, STEP = WIDE <= 64 ? 64 : HOLDS ? 32 : 16;
    // How much of a tile a warp multiplies at a time.
    static const int PART = WIDE > 64 ? 16 : WIDE > 32 ? 32 : 64;
};

// Where a 16-byte chunk of a row is in a tile, in elements.
template <int WIDE> __device__ int chunk_at(int row, int chunk) {
    return row * WIDE + (WIDE > 32 ? chunk ^ (row & 7) : chunk ^ (row >> 1 & 3)) * 8;
}

// Begin to copy ROWS rows from `first` on; zeros where there are none.
template <class H, int WIDE, int ROWS>
__device__ void fetch(H* tile, const H* from, const View& view, int first, int rows, int width) {
    const int CHUNKS = WIDE / 8, APART = THREADS / CHUNKS;
    if (view.aligned) {
        // A thread's rows are a multiple of eight apart: its chunks are permuted alike.
        const int r = threadIdx.x / CHUNKS, c = threadIdx.x % CHUNKS;
        const int left = c * 8 < width ? rows - first - r : 0;
        const Place to = place_of(tile + chunk_at<WIDE>(r, c));
        const H* at = from + (first + r) * view.by_row + c * 8;
        const int64 further = APART * view.by_row;
#pragma unroll
        for (int i = 0; i < ROWS; i += APART, at += further)
            copy_async<16>(to + i * WIDE * 2, at, i < left);
        return;
    }
#pragma unroll 1
    for (int i = threadIdx.x; i < ROWS * WIDE; i += THREADS) {
        const int r = i / WIDE, e = i % WIDE;
        tile[chunk_at<WIDE>(r, e / 8) + e % 8] =
            first + r < rows && e < width ? from[(first + r) * view.by_row + e] : H(0.f);
    }
}

// Where this lane's part of the fragments of 16 rows from `row` on begins: of an `a`, or, of the transposed tile, two
// neighbouring `b`.
template <int WIDE> __device__ Place of_rows(const void* tile, int row) {
    const int lane = threadIdx.x & 31;
    return place_of(tile) + chunk_at<WIDE>(row + (lane & 15), lane >> 4) * 2;
}

// The same of two neighbouring `b`, where a tile's rows are the product's columns.
template <int WIDE> __device__ Place of_columns(const void* tile) {
    const int lane = threadIdx.x & 31;
    return place_of(tile) + chunk_at<WIDE>((lane & 7) + (lane >> 4) * 8, lane >> 3 & 1) * 2;
}

// The same of the 16 columns that are number k, and of the 16 rows that are number n: where a tile begins, the bits
// that tell a row's chunks are zeros.
template <int WIDE> __device__ Place moved(Place from, int n, int k) { return (from ^ k * 32) + n * 16 * WIDE * 2; }

template <class H> __device__ void as_left(unsigned (&a)[4], const float (&one)[4], const float (&other)[4]) {
    a[0] = pack<H>(one[0], one[1]);
    a[1] = pack<H>(one[2], one[3]);
    a[2] = pack<H>(other[0], other[1]);
    a[3] = pack<H>(other[2], other[3]);
}

// sums += a b, b being STEP rows of a tile as they are.
template <class H, int WIDE, int STEP>
__device__ void add_products(float (&sums)[WIDE / 8][4], const float (&left)[STEP / 8][4], Place tile) {
#pragma unroll
    for (int k = 0; k < STEP / 16; k++) {
        unsigned a[4];
        as_left<H>(a, left[2 * k], left[2 * k + 1]);
#pragma unroll
        for (int n = 0; n < WIDE / 16; n++) {
            unsigned b[4];
            load_transposed(b, moved<WIDE>(tile, k, n));
            product<H>(sums[2 * n], a, b[0], b[1]);
            product<H>(sums[2 * n + 1], a, b[2], b[3]);
        }
    }
}

// found += the products of 16 rows, held as a fragment, with 16 rows of a tile.
template <class H> __device__ void add_products_of_rows(float (*found)[4], const unsigned (&rows)[4], Place tile) {
    unsigned b[4];
    load_matrices(b, tile);
    product<H>(found[0], rows, b[0], b[1]);
    product<H>(found[1], rows, b[2], b[3]);
}

// Write 16 rows that a warp holds, times `factors` of rows g and g + 8, by way of its own part of a tile.
template <class H, int WIDE>
__device__ void store(H* tile, const float (&sums)[WIDE / 8][4], float upper, float lower, H* to, const View& view,
                      int first, int rows, int width) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    __syncwarp();
#pragma unroll
    for (int n = 0; n < WIDE / 8; n++) {
        *(unsigned*)(tile + chunk_at<WIDE>(g, n) + 2 * t) = pack<H>(sums[n][0] * upper, sums[n][1] * upper);
        *(unsigned*)(tile + chunk_at<WIDE>(g + 8, n) + 2 * t) = pack<H>(sums[n][2] * lower, sums[n][3] * lower);
    }
    __syncwarp();
    if (view.aligned) {
#pragma unroll
        for (int i = lane; i < 2 * WIDE; i += 32) {
            const int r = i / (WIDE / 8), c = i % (WIDE / 8);
            if (first + r < rows && c * 8 < width)
                *(int4*)(to + (first + r) * view.by_row + c * 8) = *(const int4*)(tile + chunk_at<WIDE>(r, c));
        }
        return;
    }
#pragma unroll 1
    for (int i = lane; i < 16 * WIDE; i += 32) {
        const int r = i / WIDE, e = i % WIDE;
        if (first + r < rows && e < width) to[(first + r) * view.by_row + e] = tile[chunk_at<WIDE>(r, e / 8) + e % 8];
    }
}

struct Larger {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

// The four lanes that hold a row agree.
template <class Op> __device__ float over_quad(float value, Op op) {
    value = op(value, __shfl_xor_sync(0xffffffffu, value, 1));
    return op(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

// out = softmax(scale q k^T + mask) v and lse: a block has ROWS queries, each warp BANDS times 16 of them.
template <class H, int WIDE>
__global__ void __launch_bounds__(THREADS) attention_mma(View q, View k, View v, View mask, View out,
                                                                float* lse, Plan plan) {
    typedef Forward<WIDE> F;
    const int BANDS = F::BANDS, ROWS = F::ROWS, STEP = F::STEP;
    __shared__ __align__(256) H queries[ROWS * WIDE];
    __shared__ __align__(256) H keys[STEP * WIDE];
    __shared__ __align__(256) H values[STEP * WIDE];
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
    const float scale = (float)plan.scale * LOG2_E;
    float sums[BANDS][WIDE / 8][4], top[BANDS][2], total[BANDS][2];
#pragma unroll
    for (int m = 0; m < BANDS; m++) {
        for (int n = 0; n < WIDE / 8; n++) sums[m][n][0] = sums[m][n][1] = sums[m][n][2] = sums[m][n][3] = 0;
        top[m][0] = top[m][1] = -infinity<float>();
        total[m][0] = total[m][1] = 0;
    }
    const int last = plan.causal && first + ROWS < plan.keys ? first + ROWS : plan.keys;
    const Place at_queries = of_rows<WIDE>(queries, warp * BANDS * 16), at_keys = of_columns<WIDE>(keys);
    const Place at_values = of_rows<WIDE>(values, 0);
    fetch<H, WIDE, ROWS>(queries, rows_of<H>(q, place), q, first, plan.queries, plan.width);
    fetch<H, WIDE, STEP>(keys, k_rows, k, 0, plan.keys, plan.width);
    commit_copies();
#pragma unroll 1
    for (int start = 0; start < last; start += STEP) {
        // The keys are there, and nobody needs the values before.
        wait_for_copies<0>();
        __syncthreads();
        fetch<H, WIDE, STEP>(values, v_rows, v, start, plan.keys, plan.value_width);
        commit_copies();
        const bool works = own < plan.queries && (!plan.causal || start < own + 16 * BANDS);
        float scores[BANDS][STEP / 8][4];
        if (works) {
#pragma unroll
            for (int m = 0; m < BANDS; m++)
                for (int n = 0; n < STEP / 8; n++)
                    for (int i = 0; i < 4; i++) scores[m][n][i] = 0;
#pragma unroll
            for (int e = 0; e < WIDE / 16; e++) {
                unsigned a[BANDS][4];
#pragma unroll
                for (int m = 0; m < BANDS; m++)
                    load_matrices(a[m], moved<WIDE>(at_queries, m, e));
#pragma unroll
                for (int n = 0; n < STEP / 16; n++) {
                    unsigned b[4];
                    load_matrices(b, moved<WIDE>(at_keys, n, e));
#pragma unroll
                    for (int m = 0; m < BANDS; m++) {
                        product<H>(scores[m][2 * n], a[m], b[0], b[1]);
                        product<H>(scores[m][2 * n + 1], a[m], b[2], b[3]);
                    }
                }
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
                                                        LOG2_E);
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
        __syncthreads();
        if (start + STEP < last) fetch<H, WIDE, STEP>(keys, k_rows, k, start + STEP, plan.keys, plan.width);
        commit_copies();
        if (works) {
#pragma unroll
            for (int j = 0; j < STEP / 16; j++) {
                unsigned a[BANDS][4];
#pragma unroll
                for (int m = 0; m < BANDS; m++) as_left<H>(a[m], scores[m][2 * j], scores[m][2 * j + 1]);
#pragma unroll
                for (int n = 0; n < WIDE / 16; n++) {
                    unsigned b[4];
                    load_transposed(b, moved<WIDE>(at_values, j, n));
#pragma unroll
                    for (int m = 0; m < BANDS; m++) {
                        product<H>(sums[m][2 * n], a[m], b[0], b[1]);
                        product<H>(sums[m][2 * n + 1], a[m], b[2], b[3]);
                    }
                }
            }
        }
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
        store<H, WIDE>(queries + (warp * BANDS + m) * 16 * WIDE, sums[m], shares[0], shares[1], to, out, own + m * 16,
                       plan.queries, plan.value_width);
    }
}

// The gradient of the queries, of which a block has ROWS and goes over the keys; or (`BY_KEY`) those of keys and
// values, of which a block has ROWS and goes over all queries that see them. `own` and `others` are queries and the
// outputs' gradients, or keys and values: first of all they go through the tiles into registers.
template <class H, int WIDE, bool BY_KEY>
__global__ void __launch_bounds__(THREADS) attention_mma_grad(View own, View own_too, View others, View others_too,
                                                              View mask, const float* lse, const float* shares,
                                                              View out, View out_too, Plan plan) {
    typedef Backward<WIDE, BY_KEY> B;
    const int ROWS = B::ROWS, STEP = B::STEP, PART = B::PART;
    __shared__ __align__(256) H tiles[4][STEP * WIDE];
    __shared__ __align__(256) H kept[B::HOLDS ? 8 : ROWS * WIDE];
    __shared__ __align__(16) float logs[2][STEP];
    __shared__ __align__(16) float parts[2][STEP];
    const int number = blockIdx.x % plan.tiles;
    // Under a causal mask the last queries take longest, and the first keys.
    const int first = (!BY_KEY && plan.causal ? plan.tiles - 1 - number : number) * ROWS;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int mine = first + warp * 16;
    const int count = BY_KEY ? plan.keys : plan.queries, other_count = BY_KEY ? plan.queries : plan.keys;
    const float scale = (float)plan.scale * LOG2_E;
    int place[3] = {0, 0, 0};
    locate<BY_KEY ? OWN : ALL>(place, blockIdx.x / plan.tiles, plan);
    unsigned held[WIDE / 16][4], held_too[B::HOLDS ? WIDE / 16 : 1][4];
    H* own_tile_too = B::HOLDS ? tiles[2] : kept;
    fetch<H, WIDE, ROWS>(tiles[0], rows_of<H>(own, place), own, first, count, plan.width);
    fetch<H, WIDE, ROWS>(own_tile_too, rows_of<H>(own_too, place), own_too, first, count, plan.value_width);
    commit_copies();
    wait_for_copies<0>();
    __syncthreads();
#pragma unroll
    for (int e = 0; e < WIDE / 16; e++) {
        load_matrices(held[e], moved<WIDE>(of_rows<WIDE>(tiles[0], warp * 16), 0, e));
        if (B::HOLDS) load_matrices(held_too[e], moved<WIDE>(of_rows<WIDE>(own_tile_too, warp * 16), 0, e));
    }
    __syncthreads();
    float sums[WIDE / 8][4], sums_too[BY_KEY ? WIDE / 8 : 1][4], row_log[2], row_part[2];
#pragma unroll
    for (int n = 0; n < WIDE / 8; n++)
        for (int i = 0; i < 4; i++) {
            sums[n][i] = 0;
            if (BY_KEY) sums_too[n][i] = 0;
        }
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
        fetch<H, WIDE, STEP>(tiles[to], from, others, next, other_count, plan.width);
        fetch<H, WIDE, STEP>(tiles[to + 1], from_too, others_too, next, other_count, plan.value_width);
        if (BY_KEY && threadIdx.x < 2 * STEP) {
            const int i = threadIdx.x % STEP;
            const bool there = next + i < plan.queries;
            copy_async<4>((threadIdx.x < STEP ? logs : parts)[to / 2] + i,
                          (threadIdx.x < STEP ? lse : shares) + (there ? line + next + i : 0), there);
        }
    };

    if (steps > 0) bring(0);
    commit_copies();
    const Place at_kept = of_rows<WIDE>(kept, B::HOLDS ? 0 : warp * 16);
    const Place at_columns = of_columns<WIDE>(tiles[0]), at_rows = of_rows<WIDE>(tiles[0], 0);
    int now = 0;
#pragma unroll 1
    for (int step = 0; step < steps; step++, now ^= 2) {
        // The tiles are there, and nobody needs those before.
        wait_for_copies<0>();
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
            const int tile = (now * STEP + part) * WIDE * 2, tile_too = tile + STEP * WIDE * 2;
            float weights[PART / 8][4] = {}, slopes[PART / 8][4] = {};
#pragma unroll
            for (int k = 0; k < WIDE / 16; k++) {
                unsigned(&a)[4] = held_too[B::HOLDS ? k : 0];
                if (!B::HOLDS) load_matrices(a, moved<WIDE>(at_kept, 0, k));
#pragma unroll
                for (int n = 0; n < PART / 8; n += 2) {
                    add_products_of_rows<H>(weights + n, held[k], moved<WIDE>(at_columns + tile, n / 2, k));
                    add_products_of_rows<H>(slopes + n, a, moved<WIDE>(at_columns + tile_too, n / 2, k));
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
                        weights[n][i] = masked<H>(plan, mask, mask_batch, weights[n][i] * scale, BY_KEY ? c : r,
                                                  BY_KEY ? r : c, LOG2_E);
                    }
            } else if (!plain) {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int r = row + i / 2 * 8;
                    const int edge = (BY_KEY ? r : plan.causal && r < plan.keys ? r + 1 : plan.keys) - column - i % 2;
#pragma unroll
                    for (int n = 0; n < PART / 8; n++) {
                        const bool seen = BY_KEY ? n * 8 >= edge : n * 8 < edge;
                        weights[n][i] = seen ? weights[n][i] * scale : -infinity<float>();
                    }
                }
            } else {
#pragma unroll
                for (int n = 0; n < PART / 8; n++)
#pragma unroll
                    for (int i = 0; i < 4; i++) weights[n][i] *= scale;
            }
#pragma unroll
            for (int n = 0; n < PART / 8; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int c = part + n * 8 + 2 * t + i % 2;
                    weights[n][i] = power_of_two(weights[n][i] - (BY_KEY ? logs[now / 2][c] : row_log[i / 2]));
                    slopes[n][i] = weights[n][i] * (slopes[n][i] - (BY_KEY ? parts[now / 2][c] : row_part[i / 2]));
                }
            if constexpr (BY_KEY) add_products<H, WIDE, PART>(sums_too, weights, at_rows + tile_too);
            add_products<H, WIDE, PART>(sums, slopes, at_rows + tile);
        }
    }
    __syncthreads();
    H* by_warp = tiles[0] + warp * 16 * WIDE;
    const float factor = (float)plan.scale;
    store<H, WIDE>(by_warp, sums, factor, factor, rows_of<H>(out, place), out, mine, count, plan.width);
    if constexpr (BY_KEY)
        store<H, WIDE>(by_warp, sums_too, 1.f, 1.f, rows_of<H>(out_too, place), out_too, mine, count, plan.value_width);
}
