// Cross entropy and the likelihood of class indices: scores are (samples, classes, inner), one row a target.

// A target's class, and whether it counts. What is neither ignored nor a class is a fault.
template <class I> __device__ int64 class_of(I target, int64 ignored, int64 classes, uint64* fault, bool& counts) {
    counts = (int64)target != ignored;
    return counts ? checked((int64)target, classes, fault) : 0;
}

// One block a row: minus the logarithm of the target's share, smoothed over all classes. `lse` keeps the logarithm of
// the sum of exponentials for the way back, `factors` what each target counts for.
template <class T, class I>
__global__ void cross_entropy(const T* x, const I* targets, const T* weight, T* losses,
                              typename Computed<T>::type* lse, T* factors, int64 classes, int64 inner, int64 ignored,
                              double smoothing, uint64* fault) {
    typedef typename Computed<T>::type C;
    const int64 row = blockIdx.x, start = start_of(row, classes, inner);
    C top = -infinity<C>();
    for (int64 c = threadIdx.x; c < classes; c += blockDim.x) {
        const C value = (C)x[start + c * inner];
        top = value > top || value != value ? value : top;
    }
    top = over_block(top, Largest(), -infinity<C>());
    C sum = 0, spread = 0;
    for (int64 c = threadIdx.x; c < classes; c += blockDim.x) {
        const C below = (C)x[start + c * inner] - top;
        sum += exp(below);
        if (smoothing != 0) spread += weight ? (C)weight[c] * below : below;
    }
    sum = over_block(sum, Sum(), C(0));
    C total = (C)classes;
    if (smoothing != 0) {
        spread = over_block(spread, Sum(), C(0));
        if (weight) {
            total = 0;
            for (int64 c = threadIdx.x; c < classes; c += blockDim.x) total += (C)weight[c];
            total = over_block(total, Sum(), C(0));
        }
    }
    if (threadIdx.x == 0) {
        bool counts;
        const int64 target = class_of(targets[row], ignored, classes, fault, counts);
        const C share = !counts ? C(0) : weight ? (C)weight[target] : C(1);
        const C logs = log(sum);
        C loss = logs - ((C)x[start + target * inner] - top);
        if (weight) loss *= share;
        if (smoothing != 0) loss = loss * (C)(1 - smoothing) + (logs * total - spread) * (C)(smoothing / classes);
        losses[row] = (T)(counts ? loss : C(0));
        lse[row] = logs + top;
        factors[row] = (T)share;
    }
}

// The loss is linear in the logarithms of the shares: with a_c what class c counts for, the gradient is
// p_c sum(a) - a_c. `g` has one element, or one for each row; `count` is what the mean was divided by.
template <class T, class I>
__global__ void cross_entropy_grad(const T* x, const I* targets, const T* weight,
                                   const typename Computed<T>::type* lse, const T* g, const T* count, T* out,
                                   int64 classes, int64 inner, int64 ignored, double smoothing, bool each, bool mean,
                                   uint64* fault) {
    typedef typename Computed<T>::type C;
    const int64 row = blockIdx.x, start = start_of(row, classes, inner);
    bool counts;
    const int64 target = class_of(targets[row], ignored, classes, fault, counts);
    const C scale = mean ? (C)g[each ? row : 0] / (C)*count : (C)g[each ? row : 0];
    const C hot = (C)(1 - smoothing) * (weight ? (C)weight[target] : C(1)), spread = (C)(smoothing / classes);
    C total = hot;
    if (smoothing != 0) {
        C all = (C)classes;
        if (weight) {
            all = 0;
            for (int64 c = threadIdx.x; c < classes; c += blockDim.x) all += (C)weight[c];
            all = over_block(all, Sum(), C(0));
        }
        total += spread * all;
    }
    for (int64 c = threadIdx.x; c < classes; c += blockDim.x) {
        const int64 at = start + c * inner;
        C value = total * exp((C)x[at] - lse[row]);
        if (c == target) value -= hot;
        if (smoothing != 0) value -= weight ? spread * (C)weight[c] : spread;
        out[at] = (T)(counts ? scale * value : C(0));
    }
}
