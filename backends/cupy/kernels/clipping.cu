// The norm of many arrays together, and many arrays cut down by it or by value.

#include "parameters.cuh"

// How elements are joined: counted where they are not zero, added, their squares or powers added, or the one of the
// greatest or the least magnitude.
enum Way { COUNTED, ADDED, SQUARED, RAISED, GREATEST, LEAST };

struct Least {
    template <class C> __device__ C operator()(C a, C b) const { return a < b || a != a ? a : b; }
};

// What each block's elements come to; an element is a magnitude, which a pair of numbers has, too.
template <class T, bool PAIRS>
__global__ void norm_parts(Parameters all, double* parts, int way, double power) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T* from = (const T*)all.from[0][at.i];
    const C raised = (C)power;
    C found = way == LEAST ? infinity<C>() : (C)0;
    const auto join = [&](C x) {
        if (way == SQUARED) found += x * x;
        else if (way == GREATEST) found = greater((C)fabs(x), found);
        else if (way == LEAST) found = Least()((C)fabs(x), found);
        else if (way == ADDED) found += (C)fabs(x);
        else if (way == COUNTED) found += x != 0 ? (C)1 : (C)0;
        else found += pow((C)fabs(x), raised);
    };
    const int each = Pack<T>::count;
    const int64 rest = (uint64)from % 16 ? at.start : at.stop - (at.stop - at.start) % each;
    for (int64 i = at.start + threadIdx.x * each; i < rest; i += blockDim.x * each) {
        const Pack<T> pack = *(const Pack<T>*)(from + i);
#pragma unroll
        for (int j = 0; j < each; j += 1 + PAIRS)
            join(PAIRS ? (C)hypot((C)pack.items[j], (C)pack.items[j + PAIRS]) : (C)pack.items[j]);
    }
    for (int64 i = rest + threadIdx.x * (1 + PAIRS); i < at.stop; i += blockDim.x * (1 + PAIRS))
        join(PAIRS ? (C)hypot((C)from[i], (C)from[i + PAIRS]) : (C)from[i]);
    if (way == GREATEST) found = over_block(found, Largest(), (C)0);
    else if (way == LEAST) found = over_block(found, Least(), infinity<C>());
    else found = over_block(found, Sum(), (C)0);
    if (threadIdx.x == 0) parts[blockIdx.x] = (double)found;
}

// The norm, of what the blocks came to; without blocks it is zero.
template <class T> __global__ void norm_joined(const double* parts, int64 count, T* out, int way, double power) {
    double found = way == LEAST && count ? infinity<double>() : 0.0;
    for (int64 i = threadIdx.x; i < count; i += blockDim.x) {
        const double x = parts[i];
        found = way == GREATEST ? greater(x, found) : way == LEAST ? Least()(x, found) : found + x;
    }
    if (way == GREATEST) found = over_block(found, Largest(), 0.0);
    else if (way == LEAST) found = over_block(found, Least(), count ? infinity<double>() : 0.0);
    else found = over_block(found, Sum(), 0.0);
    if (threadIdx.x) return;
    if (way == SQUARED) found = sqrt(found);
    if (way == RAISED) found = pow(found, 1 / power);
    *out = (T)found;
}

// Scales by min(1, most / (total + small)), or by what is not a number.
template <class T, class U>
__device__ void scaled(const Parameters& all, const U* total, double most, double small) {
    typedef typename Computed<T>::type C;
    typedef typename Computed<U>::type D;
    const Place at = place_of_block(all);
    const D share = (D)most / ((D)*total + (D)small);
    const C scale = share > 1 ? (C)1 : (C)share;
    every<1, T>(all, at, [=](C* x) { x[0] *= scale; });
}

// `kind` says what the norm is of: 0 of float, 1 of double, 2 of __half, 3 of __nv_bfloat16.
template <class T> __global__ void clip_norm(Parameters all, const void* total, int kind, double most, double small) {
    if (kind == 0) scaled<T>(all, (const float*)total, most, small);
    else if (kind == 1) scaled<T>(all, (const double*)total, most, small);
    else if (kind == 2) scaled<T>(all, (const __half*)total, most, small);
    else scaled<T>(all, (const __nv_bfloat16*)total, most, small);
}

template <class T> __global__ void clip_value(Parameters all, double bound) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C most = (C)bound;
    every<1, T>(all, at, [=](C* x) { x[0] = x[0] > most ? most : x[0] < -most ? -most : x[0]; });
}
