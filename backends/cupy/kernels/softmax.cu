// Softmax, its logarithm and logsumexp over rows of `width` elements that lie `after` apart. Rows of elements side by
// side that are whole packs of sixteen bytes are moved by these (`WIDE`).
#include "moved.cuh"

// The largest element and the sum of exponentials below it, met one element after the other.
template <class C> struct Running {
    C top, sum;

    __device__ Running() : top(-infinity<C>()), sum(0) {}

    __device__ void add(C value) {
        if (value > top) {
            sum = sum * exp(top - value) + C(1);
            top = value;
        } else if (value == top) {
            sum += C(1);
        } else {
            sum += exp(value - top);
        }
    }

    template <class P> __device__ void add_all(const P& pack) {
        C most = top;
#pragma unroll
        for (int j = 0; j < P::count; j++) most = (C)pack.items[j] > most ? (C)pack.items[j] : most;
        if (most > top) {
            sum *= exp(top - most);
            top = most;
        }
#pragma unroll
        for (int j = 0; j < P::count; j++) {
            const C value = (C)pack.items[j];
            sum += value == top ? C(1) : exp(value - top);
        }
    }
};

template <class C> __device__ void join_block(Running<C>& mine) {
    const C top = over_block(mine.top, Largest(), -infinity<C>());
    const C share = mine.sum == C(0) ? C(0) : mine.sum * exp(mine.top == top ? C(0) : mine.top - top);
    mine.sum = over_block(share, Sum(), C(0));
    mine.top = top;
}

// A row with an infinity has no softmax: infinity less infinity is no number, and so is the sum.
template <class C> __device__ C proper(const Running<C>& row) {
    return row.top == infinity<C>() ? not_a_number<C>() : row.sum;
}

template <class C, bool LOG> __device__ C softmax_of(C value, C top, C sum, C log_sum) {
    return LOG ? value - top - log_sum : exp(value - top) / sum;
}

// One block a row.
template <class T, bool LOG, bool WIDE>
__global__ void softmax_rows(const T* x, T* out, int64 width, int64 after) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int64 start = start_of(blockIdx.x, width, after), apart = WIDE ? 1 : after;
    Running<C> running;
    for (int64 i = threadIdx.x * P::count; i < width; i += blockDim.x * P::count)
        running.add_all(*(const P*)(x + start + i * apart));
    join_block(running);
    const C sum = proper(running), log_sum = log(sum);
    for (int64 i = threadIdx.x * P::count; i < width; i += blockDim.x * P::count) {
        const int64 at = start + i * apart;
        P pack = *(const P*)(x + at);
#pragma unroll
        for (int j = 0; j < P::count; j++)
            pack.items[j] = (T)softmax_of<C, LOG>((C)pack.items[j], running.top, sum, log_sum);
        *(P*)(out + at) = pack;
    }
}

// One thread a row: neighbours read neighbouring elements where rows stand beside each other.
template <class T, bool LOG>
__global__ void softmax_columns(const T* x, T* out, int64 rows, int64 width, int64 after) {
    typedef typename Computed<T>::type C;
    const int64 row = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const int64 start = start_of(row, width, after);
    Running<C> running;
    for (int64 i = 0; i < width; i++) running.add((C)x[start + i * after]);
    const C sum = proper(running), log_sum = log(sum);
    for (int64 i = 0; i < width; i++) {
        const int64 at = start + i * after;
        out[at] = (T)softmax_of<C, LOG>((C)x[at], running.top, sum, log_sum);
    }
}

template <class C, bool LOG> __device__ C share_of(C y, C g) { return LOG ? g : g * y; }

template <class C, bool LOG> __device__ C softmax_grad_of(C y, C g, C sum) {
    return LOG ? g - exp(y) * sum : y * (g - sum);
}

template <class T, bool LOG, bool WIDE>
__global__ void softmax_grad_rows(const T* y, const T* g, T* out, int64 width, int64 after) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int64 start = start_of(blockIdx.x, width, after), apart = WIDE ? 1 : after;
    C sum = 0;
    for (int64 i = threadIdx.x * P::count; i < width; i += blockDim.x * P::count) {
        const int64 at = start + i * apart;
        const P result = *(const P*)(y + at), back = *(const P*)(g + at);
#pragma unroll
        for (int j = 0; j < P::count; j++) sum += share_of<C, LOG>((C)result.items[j], (C)back.items[j]);
    }
    sum = over_block(sum, Sum(), C(0));
    for (int64 i = threadIdx.x * P::count; i < width; i += blockDim.x * P::count) {
        const int64 at = start + i * apart;
        const P back = *(const P*)(g + at);
        P pack = *(const P*)(y + at);
#pragma unroll
        for (int j = 0; j < P::count; j++)
            pack.items[j] = (T)softmax_grad_of<C, LOG>((C)pack.items[j], (C)back.items[j], sum);
        *(P*)(out + at) = pack;
    }
}

template <class T, bool LOG>
__global__ void softmax_grad_columns(const T* y, const T* g, T* out, int64 rows, int64 width, int64 after) {
    typedef typename Computed<T>::type C;
    const int64 row = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const int64 start = start_of(row, width, after);
    C sum = 0;
    for (int64 i = 0; i < width; i++) sum += share_of<C, LOG>((C)y[start + i * after], (C)g[start + i * after]);
    for (int64 i = 0; i < width; i++) {
        const int64 at = start + i * after;
        out[at] = (T)softmax_grad_of<C, LOG>((C)y[at], (C)g[at], sum);
    }
}

// An infinite largest element is no shift: exp(-inf) = 0 and exp(inf) = inf say what is wanted.
template <class C> __device__ C logsumexp_of(C top, C sum) {
    return top == infinity<C>() || top == -infinity<C>() ? top : log(sum) + top;
}

template <class T, bool WIDE> __global__ void logsumexp_rows(const T* x, T* out, int64 width, int64 after) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int64 start = start_of(blockIdx.x, width, after), apart = WIDE ? 1 : after;
    Running<C> running;
    bool bad = false;
    for (int64 i = threadIdx.x * P::count; i < width; i += blockDim.x * P::count) {
        const P pack = *(const P*)(x + start + i * apart);
#pragma unroll
        for (int j = 0; j < P::count; j++) bad = bad || (C)pack.items[j] != (C)pack.items[j];
        running.add_all(pack);
    }
    join_block(running);
    const bool any = over_block(bad ? C(1) : C(0), Sum(), C(0)) > C(0);
    if (threadIdx.x == 0) out[blockIdx.x] = (T)(any ? not_a_number<C>() : logsumexp_of(running.top, running.sum));
}

template <class T>
__global__ void logsumexp_columns(const T* x, T* out, int64 rows, int64 width, int64 after) {
    typedef typename Computed<T>::type C;
    const int64 row = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const int64 start = start_of(row, width, after);
    Running<C> running;
    bool bad = false;
    for (int64 i = 0; i < width; i++) {
        const C value = (C)x[start + i * after];
        bad = bad || value != value;
        running.add(value);
    }
    out[row] = (T)(bad ? not_a_number<C>() : logsumexp_of(running.top, running.sum));
}
