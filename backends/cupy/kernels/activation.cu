// Activations, element by element: what a framework would otherwise do in several passes.
#include "activation.cuh"

// Functions of the card's own, for rows that differentiate by the table.
struct Erf {
    template <class C> static __device__ C value(C x, double, double) { return erf(x); }
};
struct Erfc {
    template <class C> static __device__ C value(C x, double, double) { return erfc(x); }
};
struct Sigmoid {
    template <class C> static __device__ C value(C x, double, double) { return logistic(x); }
};
struct LogGamma {
    template <class C> static __device__ C value(C x, double, double) { return lgamma(x); }
};

template <class F, class T> __global__ void activation(const T* x, T* out, int64 size, double a, double b) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x)
        out[i] = (T)F::value((C)x[i], a, b);
}

template <class D, class T>
__global__ void activation_grad(const T* x, const T* g, T* out, int64 size, double a, double b) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x)
        out[i] = (T)((C)g[i] * D::slope((C)x[i], a, b));
}
