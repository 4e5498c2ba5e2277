// Pooling over up to three spatial axes; those that are not there are of size one.

struct Windows {
    int64 planes, sizes[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
};

__device__ inline int64 volume(const int64* sizes) { return sizes[0] * sizes[1] * sizes[2]; }

// An element's place along the three axes.
struct Place3 {
    int64 at[3];
    __device__ Place3(int64 i, const int64* sizes) {
        at[2] = i % sizes[2];
        at[1] = i / sizes[2] % sizes[1];
        at[0] = i / sizes[2] / sizes[1];
    }
};

// The first largest element of each window wins, and the last NaN over everything; `places` says where it stands.
template <class E>
__global__ void max_pool(Windows w, const E* x, E* out, int64* places, bool floating) {
    const int64 inputs = volume(w.sizes), outputs = volume(w.out), size = w.planes * outputs;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const E* plane = x + i / outputs * inputs;
        const Place3 o(i % outputs, w.out);
        int64 best = -1;
        E top = E();
        for (int64 a = 0; a < w.kernel[0]; a++) {
            const int64 u = o.at[0] * w.stride[0] - w.padding[0] + a * w.dilation[0];
            if (u < 0 || u >= w.sizes[0]) continue;
            for (int64 b = 0; b < w.kernel[1]; b++) {
                const int64 v = o.at[1] * w.stride[1] - w.padding[1] + b * w.dilation[1];
                if (v < 0 || v >= w.sizes[1]) continue;
                for (int64 c = 0; c < w.kernel[2]; c++) {
                    const int64 t = o.at[2] * w.stride[2] - w.padding[2] + c * w.dilation[2];
                    if (t < 0 || t >= w.sizes[2]) continue;
                    const int64 at = (u * w.sizes[1] + v) * w.sizes[2] + t;
                    const E value = plane[at];
                    if (best < 0 || value > top || (floating && value != value)) {
                        best = at;
                        top = value;
                    }
                }
            }
        }
        out[i] = top;
        if (places) places[i] = best;
    }
}

// An input's gradient is the sum over the windows that it has won, in their order: no two threads write one element.
template <class T>
__global__ void max_pool_grad(Windows w, const T* g, const int64* places, T* out) {
    typedef typename Computed<T>::type C;
    const int64 inputs = volume(w.sizes), outputs = volume(w.out), size = w.planes * inputs;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 first = i / inputs * outputs, at = i % inputs;
        const Place3 p(at, w.sizes);
        C sum = 0;
        for (int64 a = w.kernel[0] - 1; a >= 0; a--) {
            const int64 u = p.at[0] + w.padding[0] - a * w.dilation[0];
            if (u < 0 || u % w.stride[0] || u / w.stride[0] >= w.out[0]) continue;
            for (int64 b = w.kernel[1] - 1; b >= 0; b--) {
                const int64 v = p.at[1] + w.padding[1] - b * w.dilation[1];
                if (v < 0 || v % w.stride[1] || v / w.stride[1] >= w.out[1]) continue;
                for (int64 c = w.kernel[2] - 1; c >= 0; c--) {
                    const int64 t = p.at[2] + w.padding[2] - c * w.dilation[2];
                    if (t < 0 || t % w.stride[2] || t / w.stride[2] >= w.out[2]) continue;
                    const int64 o = (u / w.stride[0] * w.out[1] + v / w.stride[1]) * w.out[2] + t / w.stride[2];
                    if (places[first + o] == at) sum += (C)g[first + o];
                }
            }
        }
        out[i] = (T)sum;
    }
}

// What a window's sum is divided by: what was asked for, its elements, or its places up to the end of the padding.
__device__ inline double divisor(const Windows& w, const Place3& o, bool padded, double asked) {
    if (asked != 0) return asked;
    double count = 1;
    for (int axis = 0; axis < 3; axis++) {
        const int64 start = o.at[axis] * w.stride[axis] - w.padding[axis], whole = w.sizes[axis] + w.padding[axis];
        int64 stop = start + w.kernel[axis] < whole ? start + w.kernel[axis] : whole;
        if (!padded) stop = stop < w.sizes[axis] ? stop : w.sizes[axis];
        count *= (double)(stop - (padded || start > 0 ? start : 0));
    }
    return count;
}

template <class T>
__global__ void avg_pool(Windows w, const T* x, T* out, bool padded, double asked) {
    typedef typename Computed<T>::type C;
    const int64 inputs = volume(w.sizes), outputs = volume(w.out), size = w.planes * outputs;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const T* plane = x + i / outputs * inputs;
        const Place3 o(i % outputs, w.out);
        C sum = 0;
        for (int64 a = 0; a < w.kernel[0]; a++) {
            const int64 u = o.at[0] * w.stride[0] - w.padding[0] + a;
            if (u < 0 || u >= w.sizes[0]) continue;
            for (int64 b = 0; b < w.kernel[1]; b++) {
                const int64 v = o.at[1] * w.stride[1] - w.padding[1] + b;
                if (v < 0 || v >= w.sizes[1]) continue;
                for (int64 c = 0; c < w.kernel[2]; c++) {
                    const int64 t = o.at[2] * w.stride[2] - w.padding[2] + c;
                    if (t >= 0 && t < w.sizes[2]) sum += (C)plane[(u * w.sizes[1] + v) * w.sizes[2] + t];
                }
            }
        }
        out[i] = (T)(sum / (C)divisor(w, o, padded, asked));
    }
}

template <class T>
__global__ void avg_pool_grad(Windows w, const T* g, T* out, bool padded, double asked) {
    typedef typename Computed<T>::type C;
    const int64 inputs = volume(w.sizes), outputs = volume(w.out), size = w.planes * inputs;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 first = i / inputs * outputs;
        const Place3 p(i % inputs, w.sizes);
        C sum = 0;
        for (int64 a = w.kernel[0] - 1; a >= 0; a--) {
            const int64 u = p.at[0] + w.padding[0] - a;
            if (u < 0 || u % w.stride[0] || u / w.stride[0] >= w.out[0]) continue;
            for (int64 b = w.kernel[1] - 1; b >= 0; b--) {
                const int64 v = p.at[1] + w.padding[1] - b;
                if (v < 0 || v % w.stride[1] || v / w.stride[1] >= w.out[1]) continue;
                for (int64 c = w.kernel[2] - 1; c >= 0; c--) {
                    const int64 t = p.at[2] + w.padding[2] - c;
                    if (t < 0 || t % w.stride[2] || t / w.stride[2] >= w.out[2]) continue;
                    const int64 o = (u / w.stride[0] * w.out[1] + v / w.stride[1]) * w.out[2] + t / w.stride[2];
                    sum += (C)g[first + o] / (C)divisor(w, Place3(o, w.out), padded, asked);
                }
            }
        }
        out[i] = (T)sum;
    }
}
