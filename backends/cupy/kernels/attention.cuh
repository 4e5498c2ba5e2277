// What kernels of attention are told, and what they ask of it.

// Where an operand's rows are, in elements; its batches have up to three axes. Rows that may be read by 16 bytes are
// `aligned`.
struct View {
    uint64 values;
    int64 by_axis[3], by_row, by_column, aligned;
};

// A mask's `kind`: 0 none, 1 which keys take part, 2 what is added to scores. Along an axis that is `shared`, all
// batches of queries have the same keys and values. A batch has `tiles` blocks. Where the queries' gradient is summed
// in float32, its rows are `padded` to so many elements.
struct Plan {
    double scale;
    int sizes[3], shared[3];
    int queries, keys, width, value_width, kind, causal, tiles, padded;
};

// Exponentials are powers of two, of scores that are scaled by `scale` log2(e): all kernels have the same `lse`, the
// binary logarithm of each row's sum, +inf where no key takes part.
const double LOG2_E = 1.4426950408889634;

// Along which axes batches are counted.
enum Axes { ALL, OWN, SHARED };

// Where number `index` of the batches along some axes is.
template <int AXES> __device__ void locate(int (&place)[3], int index, const Plan& plan) {
    for (int i = 2; i >= 0; i--) {
        if (AXES != ALL && (plan.shared[i] != 0) != (AXES == SHARED)) continue;
        place[i] = index % plan.sizes[i];
        index /= plan.sizes[i];
    }
}

// How many batches of queries share their keys.
__device__ inline int repeats_of(const Plan& plan) {
    int repeats = 1;
    for (int i = 0; i < 3; i++) repeats *= plan.shared[i] ? plan.sizes[i] : 1;
    return repeats;
}

// The number of a batch's first query among all.
__device__ inline int64 line_of(const int (&place)[3], const Plan& plan) {
    return (((int64)place[0] * plan.sizes[1] + place[1]) * plan.sizes[2] + place[2]) * plan.queries;
}

__device__ inline int64 offset_of(const View& view, const int (&place)[3]) {
    return place[0] * view.by_axis[0] + place[1] * view.by_axis[1] + place[2] * view.by_axis[2];
}

template <class T> __device__ T* rows_of(const View& view, const int (&place)[3]) {
    return (T*)view.values + offset_of(view, place);
}

// A scaled score under the mask, whose numbers count `unit` times.
template <class T, class C>
__device__ C masked(const Plan& plan, const View& mask, int64 batch, C score, int row, int column, C unit) {
    if (row >= plan.queries || column >= plan.keys || (plan.causal && column > row)) return -infinity<C>();
    if (plan.kind == 0) return score;
    const int64 at = batch + row * mask.by_row + column * mask.by_column;
    if (plan.kind == 1) return ((const bool*)mask.values)[at] ? score : -infinity<C>();
    return score + (C)((const T*)mask.values)[at] * unit;
}
