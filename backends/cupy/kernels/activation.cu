// Activations, element by element: what a framework would otherwise do in several passes.
#include "activation.cuh"
#include "moved.cuh"

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

// How many packs of sixteen bytes arrays that begin at these places (all of them together) are made of.
template <class T> __device__ int64 packs_of(uint64 places, int64 size) {
    return places % 16 == 0 ? size / Pack<T>::count : 0;
}

template <class F, class T> __global__ void activation(const T* x, T* out, int64 size, double a, double b) {
    typedef typename Computed<T>::type C;
    typedef Pack<T> P;
    const int64 first = (int64)blockIdx.x * blockDim.x + threadIdx.x, step = (int64)gridDim.x * blockDim.x;
    const int64 packs = packs_of<T>((uint64)x | (uint64)out, size);
    for (int64 i = first; i < packs; i += step) {
        P pack = ((const P*)x)[i];
#pragma unroll
        for (int j = 0; j < P::count; j++) pack.items[j] = (T)F::value((C)pack.items[j], a, b);
        ((P*)out)[i] = pack;
    }
    for (int64 i = packs * P::count + first; i < size; i += step) out[i] = (T)F::value((C)x[i], a, b);
}

template <class D, class T>
__global__ void activation_grad(const T* x, const T* g, T* out, int64 size, double a, double b) {
    typedef typename Computed<T>::type C;
    typedef Pack<T> P;
    const int64 first = (int64)blockIdx.x * blockDim.x + threadIdx.x, step = (int64)gridDim.x * blockDim.x;
    const int64 packs = packs_of<T>((uint64)x | (uint64)g | (uint64)out, size);
    for (int64 i = first; i < packs; i += step) {
        const P back = ((const P*)g)[i];
        P pack = ((const P*)x)[i];
#pragma unroll
        for (int j = 0; j < P::count; j++)
            pack.items[j] = (T)((C)back.items[j] * D::slope((C)pack.items[j], a, b));
        ((P*)out)[i] = pack;
    }
    for (int64 i = packs * P::count + first; i < size; i += step) out[i] = (T)((C)g[i] * D::slope((C)x[i], a, b));
}
