// Cross entropy and the likelihood of class indices: scores are (samples, classes, inner), one row a target.

#include "moved.cuh"

// A target's class, and whether it counts. What is neither ignored nor a class is a fault.
template <class I> __device__ int64 class_of(I target, int64 ignored, int64 classes, uint64* fault, bool& counts) {
    counts = (int64)target != ignored;
    return counts ? checked((int64)target, classes, fault) : 0;
}

// A sum of exponentials, kept relative to the greatest exponent so far, and the weighted sum of the exponents.
template <class C> struct Exponentials {
    C top, sum, plain;

    template <int N, class T> __device__ void take(const T* items, const T* weight, bool smooth) {
        C most = top;
#pragma unroll
        for (int j = 0; j < N; j++) {
            const C value = (C)items[j];
            most = value > most || value != value ? value : most;
        }
        if (most != top) {
            sum *= exp(top - most);
            top = most;
        }
        // So far all were minus infinity.
        if (top != -infinity<C>()) {
#pragma unroll
            for (int j = 0; j < N; j++) sum += exp((C)items[j] - top);
        }
        if (smooth) {
#pragma unroll
            for (int j = 0; j < N; j++) plain += weight ? (C)weight[j] * (C)items[j] : (C)items[j];
        }
    }
};

// What a row's threads have found makes its loss: minus the logarithm of the target's share, smoothed over all classes.
template <class C, class T>
__device__ C loss_of(C top, C sum, C plain, C total, C score, C share, const T* weight, C smoothing, int64 classes) {
    const C logs = log(sum);
    C loss = logs - (score - top);
    if (weight) loss *= share;
    if (smoothing != 0)
        loss = loss * (1 - smoothing) + ((logs + top) * total - plain) * (smoothing / (C)classes);
    return loss;
}

// One block a row of classes that lie together. `lse` keeps the logarithm of the sum of exponentials for the way back,
// `factors` what each target counts for.
template <class T, class I>
__global__ void cross_entropy_rows(const T* x, const I* targets, const T* weight,
                                   typename Computed<T>::type* losses, typename Computed<T>::type* lse,
                                   typename Computed<T>::type* factors, int64 classes, int64 ignored, double smoothing,
                                   uint64* fault) {
    typedef typename Computed<T>::type C;
    const int each = Pack<T>::count;
    const bool smooth = smoothing != 0;
    const T* row = x + blockIdx.x * classes;
    Exponentials<C> found = {-infinity<C>(), C(0), C(0)};
    // What lies before the first multiple of sixteen bytes, and behind the last.
    int64 head = (int64)((16 - (uint64)row % 16) % 16 / sizeof(T));
    if (head > classes) head = classes;
    const int64 tail = head + (classes - head) / each * each;
    for (int64 c = threadIdx.x; c < head; c += blockDim.x)
        found.template take<1>(row + c, weight ? weight + c : weight, smooth);
    for (int64 c = head + threadIdx.x * each; c < tail; c += blockDim.x * each) {
        const Pack<T> pack = *(const Pack<T>*)(row + c);
        found.template take<each>(pack.items, weight ? weight + c : weight, smooth);
    }
    for (int64 c = tail + threadIdx.x; c < classes; c += blockDim.x)
        found.template take<1>(row + c, weight ? weight + c : weight, smooth);
    const C top = over_block(found.top, Largest(), -infinity<C>());
    const C sum = over_block(found.top == -infinity<C>() ? C(0) : found.sum * exp(found.top - top), Sum(), C(0));
    C plain = 0, total = (C)classes;
    if (smooth) {
        plain = over_block(found.plain, Sum(), C(0));
        if (weight) {
            total = 0;
            for (int64 c = threadIdx.x; c < classes; c += blockDim.x) total += (C)weight[c];
            total = over_block(total, Sum(), C(0));
        }
    }
    if (threadIdx.x == 0) {
        bool counts;
        const int64 target = class_of(targets[blockIdx.x], ignored, classes, fault, counts);
        const C share = !counts ? C(0) : weight ? (C)weight[target] : C(1);
        const C loss = loss_of(top, sum, plain, total, (C)row[target], share, weight, (C)smoothing, classes);
        losses[blockIdx.x] = counts ? loss : C(0);
        lse[blockIdx.x] = log(sum) + top;
        factors[blockIdx.x] = share;
    }
}

// One thread a row whose classes lie `inner` apart, as those of images do: neighbours read side by side.
template <class T, class I>
__global__ void cross_entropy_columns(const T* x, const I* targets, const T* weight,
                                      typename Computed<T>::type* losses, typename Computed<T>::type* lse,
                                      typename Computed<T>::type* factors, int64 rows, int64 classes, int64 inner,
                                      int64 ignored, double smoothing, uint64* fault) {
    typedef typename Computed<T>::type C;
    const bool smooth = smoothing != 0;
    C total = (C)classes;
    if (smooth && weight) {
        total = 0;
        for (int64 c = 0; c < classes; c++) total += (C)weight[c];
    }
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += (int64)gridDim.x * blockDim.x) {
        const T* row = x + start_of(i, classes, inner);
        Exponentials<C> found = {-infinity<C>(), C(0), C(0)};
        for (int64 c = 0; c < classes; c++)
            found.template take<1>(row + c * inner, weight ? weight + c : weight, smooth);
        bool counts;
        const int64 target = class_of(targets[i], ignored, classes, fault, counts);
        const C share = !counts ? C(0) : weight ? (C)weight[target] : C(1), score = (C)row[target * inner];
        const C loss =
            loss_of(found.top, found.sum, found.plain, total, score, share, weight, (C)smoothing, classes);
        losses[i] = counts ? loss : C(0);
        lse[i] = log(found.sum) + found.top;
        factors[i] = share;
    }
}

// The loss is linear in the logarithms of the shares: with a_c what class c counts for, the gradient is
// p_c sum(a) - a_c.
template <class C, class T> struct Slope {
    C scale, hot, spread, total, lse;
    int64 target;
    const T* weight;

    __device__ T of(C score, int64 c) const {
        C value = total * exp(score - lse);
        if (c == target) value -= hot;
        if (spread != 0) value -= weight ? spread * (C)weight[c] : spread;
        return (T)(scale * value);
    }
};

// `g` has one element, or one for each row; `count` is what the mean was divided by, or null. `all` sums the weights.
template <class T, class I, class C>
__device__ Slope<C, T> slope_of(int64 row, const I* targets, const T* weight, const C* lse, const T* g, const C* count,
                                int64 classes, int64 ignored, double smoothing, C all, bool each, uint64* fault,
                                bool& counts) {
    const int64 target = class_of(targets[row], ignored, classes, fault, counts);
    const C scale = count ? (C)g[each ? row : 0] / *count : (C)g[each ? row : 0];
    const C hot = (C)(1 - smoothing) * (weight ? (C)weight[target] : C(1)), spread = (C)(smoothing / (double)classes);
    return Slope<C, T>{scale, hot, spread, hot + spread * all, lse[row], target, weight};
}

template <class T, class I>
__global__ void cross_entropy_rows_back(const T* x, const I* targets, const T* weight,
                                        const typename Computed<T>::type* lse, const T* g,
                                        const typename Computed<T>::type* count, T* out, int64 classes, int64 ignored,
                                        double smoothing, bool alone, uint64* fault) {
    typedef typename Computed<T>::type C;
    const int each = Pack<T>::count;
    const T* row = x + blockIdx.x * classes;
    T* back = out + blockIdx.x * classes;
    C all = (C)classes;
    if (smoothing != 0 && weight) {
        all = 0;
        for (int64 c = threadIdx.x; c < classes; c += blockDim.x) all += (C)weight[c];
        all = over_block(all, Sum(), C(0));
    }
    bool counts;
    const Slope<C, T> slope =
        slope_of(blockIdx.x, targets, weight, lse, g, count, classes, ignored, smoothing, all, alone, fault, counts);
    int64 head = classes, tail = classes;
    if (((uint64)row ^ (uint64)back) % 16 == 0) {
        head = (int64)((16 - (uint64)row % 16) % 16 / sizeof(T));
        if (head > classes) head = classes;
        tail = head + (classes - head) / each * each;
    }
    for (int64 c = threadIdx.x; c < head; c += blockDim.x) back[c] = counts ? slope.of((C)row[c], c) : (T)C(0);
    for (int64 c = head + threadIdx.x * each; c < tail; c += blockDim.x * each) {
        Pack<T> pack = *(const Pack<T>*)(row + c);
#pragma unroll
        for (int j = 0; j < each; j++) pack.items[j] = counts ? slope.of((C)pack.items[j], c + j) : (T)C(0);
        *(Pack<T>*)(back + c) = pack;
    }
    for (int64 c = tail + threadIdx.x; c < classes; c += blockDim.x)
        back[c] = counts ? slope.of((C)row[c], c) : (T)C(0);
}

template <class T, class I>
__global__ void cross_entropy_columns_back(const T* x, const I* targets, const T* weight,
                                           const typename Computed<T>::type* lse, const T* g,
                                           const typename Computed<T>::type* count, T* out, int64 rows, int64 classes,
                                           int64 inner, int64 ignored, double smoothing, bool alone, uint64* fault) {
    typedef typename Computed<T>::type C;
    C all = (C)classes;
    if (smoothing != 0 && weight) {
        all = 0;
        for (int64 c = 0; c < classes; c++) all += (C)weight[c];
    }
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += (int64)gridDim.x * blockDim.x) {
        const int64 start = start_of(i, classes, inner);
        bool counts;
        const Slope<C, T> slope =
            slope_of(i, targets, weight, lse, g, count, classes, ignored, smoothing, all, alone, fault, counts);
        for (int64 c = 0; c < classes; c++)
            out[start + c * inner] = counts ? slope.of((C)x[start + c * inner], c) : (T)C(0);
    }
}

// Minus the target's log probability.
template <class T, class I>
__global__ void nll(const T* x, const I* targets, const T* weight, typename Computed<T>::type* losses,
                    typename Computed<T>::type* factors, int64 rows, int64 classes, int64 inner, int64 ignored,
                    uint64* fault) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += (int64)gridDim.x * blockDim.x) {
        bool counts;
        const int64 target = class_of(targets[i], ignored, classes, fault, counts);
        const C share = !counts ? C(0) : weight ? (C)weight[target] : C(1);
        const C picked = -(C)x[start_of(i, classes, inner) + target * inner];
        losses[i] = !counts ? C(0) : weight ? picked * share : picked;
        factors[i] = share;
    }
}

// `out` holds zeros.
template <class T, class I>
__global__ void nll_back(const I* targets, const T* weight, const T* g, const typename Computed<T>::type* count,
                         T* out, int64 rows, int64 classes, int64 inner, int64 ignored, bool alone, uint64* fault) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += (int64)gridDim.x * blockDim.x) {
        bool counts;
        const int64 target = class_of(targets[i], ignored, classes, fault, counts);
        if (!counts) continue;
        const C scale = count ? (C)g[alone ? i : 0] / *count : (C)g[alone ? i : 0];
        out[start_of(i, classes, inner) + target * inner] = (T)(-scale * (weight ? (C)weight[target] : C(1)));
    }
}
