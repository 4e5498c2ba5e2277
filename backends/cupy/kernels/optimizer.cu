// Steps of optimizers over many parameters in one launch: a block takes CHUNK elements of one parameter.

const int MOST = 36, LISTS = 4, CHUNK = 8192;

// Parameters and their state, first where each is read and then where it is written (the gradient is only read), with
// what differs from parameter to parameter. It is a kernel's argument, and as large as one may be.
struct Parameters {
    uint64 from[LISTS + 1][MOST], to[LISTS][MOST];
    int64 sizes[MOST];
    double first[MOST], second[MOST];
    int blocks[MOST];
    int count, pad;
};

// Which parameter a block works for, and where it starts.
struct Place {
    int i;
    int64 start, stop;
};

__device__ inline Place place_of_block(const Parameters& all) {
    int i = 0;
    while (i + 1 < all.count && (int)blockIdx.x >= all.blocks[i]) i++;
    const int64 start = (int64)(blockIdx.x - (i ? all.blocks[i - 1] : 0)) * CHUNK, size = all.sizes[i];
    return Place{i, start, start + CHUNK < size ? start + CHUNK : size};
}

// `first` holds lr / (1 - beta1^step), `second` the root of 1 - beta2^step.
template <class T>
__global__ void adam(Parameters all, double lr, double beta1, double beta2, double eps, double decay, bool amsgrad,
                     bool maximize, bool decoupled) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T *p = (const T*)all.from[0][at.i], *g = (const T*)all.from[1][at.i];
    const T *m = (const T*)all.from[2][at.i], *v = (const T*)all.from[3][at.i], *t = (const T*)all.from[4][at.i];
    T *p_out = (T*)all.to[0][at.i], *m_out = (T*)all.to[1][at.i], *v_out = (T*)all.to[2][at.i];
    T* t_out = (T*)all.to[3][at.i];
    const C step = (C)all.first[at.i], root = (C)all.second[at.i];
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x) {
        C value = (C)p[i], grad = maximize ? -(C)g[i] : (C)g[i];
        if (decay != 0) {
            if (decoupled) value *= (C)(1 - lr * decay);
            else grad += (C)decay * value;
        }
        const C mean = (C)beta1 * (C)m[i] + (C)(1 - beta1) * grad;
        const C square = (C)beta2 * (C)v[i] + (C)(1 - beta2) * grad * grad;
        C top = square;
        if (amsgrad) {
            top = (C)t[i] > square || (C)t[i] != (C)t[i] ? (C)t[i] : square;
            t_out[i] = (T)top;
        }
        p_out[i] = (T)(value - step * mean / (sqrt(top) / root + (C)eps));
        m_out[i] = (T)mean;
        v_out[i] = (T)square;
    }
}

// `first` is not 0 where the momentum's buffer starts as the gradient.
template <class T>
__global__ void sgd(Parameters all, double lr, double momentum, double dampening, double decay, bool nesterov,
                    bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T *p = (const T*)all.from[0][at.i], *g = (const T*)all.from[1][at.i], *b = (const T*)all.from[2][at.i];
    T *p_out = (T*)all.to[0][at.i], *b_out = (T*)all.to[1][at.i];
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x) {
        C grad = maximize ? -(C)g[i] : (C)g[i];
        if (decay != 0) grad += (C)decay * (C)p[i];
        if (momentum != 0) {
            const C buffer = all.first[at.i] != 0 ? grad : (C)momentum * (C)b[i] + (C)(1 - dampening) * grad;
            b_out[i] = (T)buffer;
            grad = nesterov ? grad + (C)momentum * buffer : buffer;
        }
        p_out[i] = (T)((C)p[i] - (C)lr * grad);
    }
}

template <class T>
__global__ void rmsprop(Parameters all, double lr, double alpha, double eps, double decay, double momentum,
                        bool centered, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T *p = (const T*)all.from[0][at.i], *g = (const T*)all.from[1][at.i], *v = (const T*)all.from[2][at.i];
    const T *b = (const T*)all.from[3][at.i], *a = (const T*)all.from[4][at.i];
    T *p_out = (T*)all.to[0][at.i], *v_out = (T*)all.to[1][at.i], *b_out = (T*)all.to[2][at.i];
    T* a_out = (T*)all.to[3][at.i];
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x) {
        C grad = maximize ? -(C)g[i] : (C)g[i];
        if (decay != 0) grad += (C)decay * (C)p[i];
        const C square = (C)alpha * (C)v[i] + (C)(1 - alpha) * grad * grad;
        C var = square;
        if (centered) {
            const C mean = (C)alpha * (C)a[i] + (C)(1 - alpha) * grad;
            var = square - mean * mean;
            a_out[i] = (T)mean;
        }
        C move = grad / (sqrt(var) + (C)eps);
        if (momentum != 0) {
            move = (C)momentum * (C)b[i] + move;
            b_out[i] = (T)move;
        }
        p_out[i] = (T)((C)p[i] - (C)lr * move);
        v_out[i] = (T)square;
    }
}

// averages += share (values - averages)
template <class T> __global__ void average(Parameters all, double share) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T *a = (const T*)all.from[0][at.i], *v = (const T*)all.from[1][at.i];
    T* out = (T*)all.to[0][at.i];
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x)
        out[i] = (T)((C)a[i] + (C)share * ((C)v[i] - (C)a[i]));
}
