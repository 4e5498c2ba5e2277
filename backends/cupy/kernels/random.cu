// The random stream of docs/random.md: Philox-4x64-10, a block of four words to a thread.

#include "philox.cuh"

// Rounded after each operation: a fused one would give other numbers than other devices do.
__device__ inline float times(float a, float b) { return __fmul_rn(a, b); }
__device__ inline double times(double a, double b) { return __dmul_rn(a, b); }
__device__ inline float plus(float a, float b) { return __fadd_rn(a, b); }
__device__ inline double plus(double a, double b) { return __dadd_rn(a, b); }

// How many bits of a half-word a uniform of a dtype takes.
template <class T> struct Bits;
template <> struct Bits<float> { static const int count = 24; };
template <> struct Bits<__half> { static const int count = 11; };
template <> struct Bits<__nv_bfloat16> { static const int count = 8; };

// One draw: from a block come four elements of a word each (`WIDE`), or eight of half a word.
template <class T> struct Unit {
    static const int each = 8;
    __device__ static float at(const Block& block, int i) {
        return times((float)(block.half(i) >> (32 - Bits<T>::count)), 1.0f / (float)(1 << Bits<T>::count));
    }
};
template <> struct Unit<double> {
    static const int each = 4;
    __device__ static double at(const Block& block, int i) {
        return times((double)(block.words[i] >> 11), 1.0 / 9007199254740992.0);
    }
};

__global__ void bits(uint64* out, int64 n, uint64 key, uint64 c0, uint64 c1, uint64 c2, uint64 c3) {
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * 4 < n; b += (int64)gridDim.x * blockDim.x) {
        const Block block = philox(key, c0, c1, c2, c3, b);
        for (int i = 0; i < 4 && b * 4 + i < n; i++) out[b * 4 + i] = block.words[i];
    }
}

template <class T>
__global__ void uniform(T* out, int64 n, uint64 key, uint64 c0, uint64 c1, uint64 c2, uint64 c3, double low,
                        double width, double greatest, bool unit) {
    typedef typename Computed<T>::type C;
    const int each = Unit<T>::each;
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * each < n; b += (int64)gridDim.x * blockDim.x) {
        const Block block = philox(key, c0, c1, c2, c3, b);
        for (int i = 0; i < each && b * each + i < n; i++) {
            T value = (T)Unit<T>::at(block, i);
            if (!unit) {
                value = (T)plus(times(Unit<T>::at(block, i), (C)width), (C)low);
                if ((C)value > (C)greatest) value = (T)(C)greatest;
            }
            out[b * each + i] = value;
        }
    }
}

template <class C> struct Polar;
template <> struct Polar<float> {
    static const int pairs = 4;
    __device__ static void at(const Block& block, int j, float& radius, float& angle) {
        const float u1 = plus(times((float)block.half(2 * j), 1.0f / 4294967296.0f), 0.5f / 4294967296.0f);
        const float u2 = times((float)(block.half(2 * j + 1) >> 8), 1.0f / 16777216.0f);
        radius = sqrt(times(-2.0f, log(u1)));
        angle = times(6.28318530717958647692f, u2);
    }
};
template <> struct Polar<double> {
    static const int pairs = 2;
    __device__ static void at(const Block& block, int j, double& radius, double& angle) {
        const double u1 = plus(1.0, -times((double)(block.words[2 * j] >> 11), 1.0 / 9007199254740992.0));
        const double u2 = times((double)(block.words[2 * j + 1] >> 11), 1.0 / 9007199254740992.0);
        radius = sqrt(times(-2.0, log(u1)));
        angle = times(6.28318530717958647692, u2);
    }
};

template <class T>
__global__ void normal(T* out, int64 n, uint64 key, uint64 c0, uint64 c1, uint64 c2, uint64 c3, double mean,
                       double std) {
    typedef typename Computed<T>::type C;
    const int pairs = Polar<C>::pairs;
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * 2 * pairs < n;
         b += (int64)gridDim.x * blockDim.x) {
        const Block block = philox(key, c0, c1, c2, c3, b);
        for (int j = 0; j < pairs; j++) {
            const int64 at = (b * pairs + j) * 2;
            if (at >= n) break;
            C radius, angle;
            Polar<C>::at(block, j, radius, angle);
            C even = times(radius, (C)cos(angle)), odd = times(radius, (C)sin(angle));
            if (std != 1) {
                even = times(even, (C)std);
                odd = times(odd, (C)std);
            }
            if (mean != 0) {
                even = plus(even, (C)mean);
                odd = plus(odd, (C)mean);
            }
            out[at] = (T)even;
            if (at + 1 < n) out[at + 1] = (T)odd;
        }
    }
}

// One below a bound on the bits, else zero; `wide` draws take a word each.
template <class E>
__global__ void bernoulli(E* out, int64 n, uint64 key, uint64 c0, uint64 c1, uint64 c2, uint64 c3, uint64 bound,
                          bool wide) {
    const int each = wide ? 4 : 8;
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * each < n; b += (int64)gridDim.x * blockDim.x) {
        const Block block = philox(key, c0, c1, c2, c3, b);
        for (int i = 0; i < each && b * each + i < n; i++)
            out[b * each + i] = (E)((wide ? block.words[i] : (uint64)block.half(i)) < bound ? 1.0f : 0.0f);
    }
}

// An integer becomes an element of a dtype: narrow floats by way of double, which rounds once.
template <class E> struct Integer {
    __device__ static E as_signed(int64 value) { return (E)value; }
    __device__ static E as_unsigned(uint64 value) { return (E)value; }
};
template <> struct Integer<__half> {
    __device__ static __half as_signed(int64 value) { return (__half)(double)value; }
    __device__ static __half as_unsigned(uint64 value) { return (__half)(double)value; }
};
template <> struct Integer<__nv_bfloat16> {
    __device__ static __nv_bfloat16 as_signed(int64 value) { return (__nv_bfloat16)(double)value; }
    __device__ static __nv_bfloat16 as_unsigned(uint64 value) { return (__nv_bfloat16)(double)value; }
};

// A width of 0 is one of 2^64.
template <class E>
__global__ void integers(E* out, int64 n, uint64 key, uint64 c0, uint64 c1, uint64 c2, uint64 c3, uint64 low,
                         uint64 width, bool beyond_signed) {
    for (int64 b = (int64)blockIdx.x * blockDim.x + threadIdx.x; b * 4 < n; b += (int64)gridDim.x * blockDim.x) {
        const Block block = philox(key, c0, c1, c2, c3, b);
        for (int i = 0; i < 4 && b * 4 + i < n; i++) {
            const uint64 value = (width ? __umul64hi(block.words[i], width) : block.words[i]) + low;
            out[b * 4 + i] =
                beyond_signed ? Integer<E>::as_unsigned(value) : Integer<E>::as_signed((int64)value);
        }
    }
}
