// Convolution and its transposes as products of matrices that are never made: a tile's elements are read from the
// arrays where they stand. Each block holds one tile of the result; while it multiplies, it fetches what comes next.
#include "convolution.cuh"
#include "tiles.cuh"

// The result's rows are places, its columns channels, and terms are summed over. It serves the forward direction and,
// phase by phase, the transpose in the input. Channels lie side by side in the source if LAST. Where the result has few
// tiles, each of `splits` blocks sums `share` tiles of terms and writes to `parts`, one after the other's whole result.
template <class T, bool LARGE, bool LAST>
__global__ void __launch_bounds__(BLOCK, Tile<T, LARGE>::RESIDENT)
    correlate(Correlation told, const T* source, const T* weight, const T* bias, T* target,
              typename Computed<T>::type* parts, int splits, int share, int64 size) {
    typedef Tile<T, LARGE> S;
    typedef Sums<T, LARGE, LAST> Total;
    typedef Brought<T, LARGE, !LAST> Seen;
    typedef Brought<T, LARGE, false> Weighed;
    const int SIDE = S::SIDE, DEPTH = S::DEPTH, LOADS = S::LOADS, thread = threadIdx.x;
    __shared__ Correlation how;
    __shared__ Digits sizes, step, next[S::DEPTH];
    __shared__ Operand<T, LARGE, !LAST> left[2];
    __shared__ Operand<T, LARGE, false> right[2];
    __shared__ Term terms[2][S::DEPTH];
    __shared__ Spot places[S::SIDE];
    if (thread == 0) {
        how = told;
        if (told.transposed) enter_phase(how, blockIdx.z / splits % told.phases);
        sizes = sizes_of_terms(how, LAST);
        if (taps_of(how) == 0) sizes.at[0] = 0;
        step = digits_of(DEPTH, sizes);
    }
    __syncthreads();
    const int group = blockIdx.z / splits / told.phases, begin = blockIdx.z % splits * share * DEPTH;
    const int rows = told.samples * places_of(how), count = told.channels * taps_of(how);
    const int first_row = blockIdx.x * SIDE, first_column = blockIdx.y * SIDE;
    if (first_row >= rows) return;
    source += group * told.source_group;
    weight += group * told.weight_group + how.weight_start + first_column * told.weight_column;
    if (thread < SIDE) {
        Spot place = spot_of(how, digits_of(first_row + thread, sizes_of_places(how)));
        if (first_row + thread >= rows) place.at[0] = NOWHERE;
        places[thread] = place;
    }
    // The first threads tell the others of the terms to come.
    if (thread < DEPTH) next[thread] = digits_of(begin + thread, sizes);
    auto tell = [&](int which) {
        if (thread >= DEPTH) return;
        Term term = term_of(how, next[thread], LAST);
        if (next[thread].at[0] >= sizes.at[0]) term.at[0] = NOWHERE;
        terms[which][thread] = term;
        advance(next[thread], step, sizes);
    };
    const Extent extent = extent_of(how);
    const int columns = told.columns, column_apart = (int)told.weight_column;
    T seen[S::LOADS], weighed[S::LOADS];
    auto fetch = [&](int which) {
#pragma unroll
        for (int i = 0; i < LOADS; i++) {
            const Term& term = terms[which][Seen::term(i)];
            const Spot& place = places[Seen::row(i)];
            seen[i] = inside(place, term, extent) ? source[place.source + term.source] : (T)0.0f;
        }
#pragma unroll
        for (int i = 0; i < LOADS; i++) {
            const Term& term = terms[which][Weighed::term(i)];
            const int column = Weighed::row(i);
            const bool there = exists(term) && first_column + column < columns;
            weighed[i] = there ? weight[term.weight + column * column_apart] : (T)0.0f;
        }
    };
    Total total;
    // None are left for the last block where another phase has more terms.
    const int left_over = (count - begin + DEPTH - 1) / DEPTH, tiles = left_over < share ? left_over : share;
    add_tiles(total, left, right, tiles, tell, fetch, [&](int which) {
        put_both<Seen, Weighed>(left[which], right[which], seen, weighed);
    });
#pragma unroll
    for (int i = 0; i < Total::COUNT; i++) {
        const Spot& place = places[Total::row(i)];
        const int column = first_column + Total::column(i);
        if (!exists(place) || column >= columns) continue;
        const int64 to = blockIdx.z / splits / told.phases * told.target_group + how.target_start + place.target +
                         column * told.target_column;
        if (parts) {
            parts[blockIdx.z % splits * size + to] = total.value(i);
            continue;
        }
        const typename Total::C more = bias ? (typename Total::C)bias[group * columns + column] : 0;
        target[to] = (T)(total.value(i) + more);
    }
}

// What 16-bit arrays with channels last bring of two large tiles does not fit half of a multiprocessor's registers.
template <class T, bool LARGE, bool LAST> struct Weighing {
    static const int RESIDENT = LAST && LARGE && sizeof(T) == 2 ? 1 : Tile<T, LARGE>::RESIDENT;
};

// The transpose in the weight: the result's rows are terms, its columns channels of `g`, and places are summed over,
// `tiles` tiles of them by each of `splits` blocks. Several write to `parts`, one after the other's whole result.
template <class T, bool LARGE, bool LAST>
__global__ void __launch_bounds__(BLOCK, Weighing<T, LARGE, LAST>::RESIDENT)
    correlate_weight(Correlation how, const T* source, const T* g, T* out, typename Computed<T>::type* parts, int splits,
                     int tiles, int64 size) {
    typedef Tile<T, LARGE> S;
    typedef Sums<T, LARGE, false> Total;
    typedef Brought<T, LARGE, LAST> Both;
    const int SIDE = S::SIDE, DEPTH = S::DEPTH, LOADS = S::LOADS, thread = threadIdx.x;
    __shared__ Operand<T, LARGE, LAST> left[2];
    __shared__ Operand<T, LARGE, LAST> right[2];
    __shared__ Digits sizes, step, next[S::DEPTH];
    __shared__ Spot places[2][S::DEPTH];
    __shared__ Term terms[S::SIDE];
    if (thread == 0) {
        sizes = sizes_of_places(how);
        step = digits_of(DEPTH, sizes);
    }
    __syncthreads();
    const int group = blockIdx.z / splits;
    const int rows = how.channels * taps_of(how), columns = how.columns;
    const int first_row = blockIdx.x * SIDE, first_column = blockIdx.y * SIDE;
    const int begin = blockIdx.z % splits * tiles * DEPTH;
    source += group * how.source_group;
    g += group * how.target_group + first_column * how.target_column;
    if (thread < SIDE) {
        Term term = term_of(how, digits_of(first_row + thread, sizes_of_terms(how, LAST)), LAST);
        if (first_row + thread >= rows) term.at[0] = NOWHERE;
        terms[thread] = term;
    }
    if (thread < DEPTH) next[thread] = digits_of(begin + thread, sizes);
    auto tell = [&](int which) {
        if (thread >= DEPTH) return;
        Spot place = spot_of(how, next[thread]);
        if (next[thread].at[0] >= sizes.at[0]) place.at[0] = NOWHERE;
        places[which][thread] = place;
        advance(next[thread], step, sizes);
    };
    const Extent extent = extent_of(how);
    const int64 column_apart = how.target_column;
    T seen[S::LOADS], given[S::LOADS];
    auto fetch = [&](int which) {
#pragma unroll
        for (int i = 0; i < LOADS; i++) {
            const Spot& place = places[which][Both::term(i)];
            const Term& term = terms[Both::row(i)];
            seen[i] = inside(place, term, extent) ? source[place.source + term.source] : (T)0.0f;
        }
#pragma unroll
        for (int i = 0; i < LOADS; i++) {
            const Spot& place = places[which][Both::term(i)];
            const int column = Both::row(i);
            const bool there = exists(place) && first_column + column < columns;
            given[i] = there ? g[place.target + column * column_apart] : (T)0.0f;
        }
    };
    Total total;
    add_tiles(total, left, right, tiles, tell, fetch, [&](int which) {
        put_both<Both, Both>(left[which], right[which], seen, given);
    });
#pragma unroll
    for (int i = 0; i < Total::COUNT; i++) {
        const Term& term = terms[Total::row(i)];
        const int column = first_column + Total::column(i);
        if (!exists(term) || column >= columns) continue;
        const int64 to = blockIdx.z / splits * how.weight_group + term.weight + column * how.weight_column;
        if (parts) parts[blockIdx.z % splits * size + to] = total.value(i);
        else out[to] = (T)total.value(i);
    }
}
