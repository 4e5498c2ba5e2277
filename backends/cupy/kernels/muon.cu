// Muon's steps over many matrices: all but the products, which are cuBLAS's.

#include "parameters.cuh"

// What bfloat16 makes of a number.
__device__ inline float coarse(float x) { return (float)__nv_bfloat16(x); }

// Moves the momentum, and writes the step that it makes in bfloat16 (where the third list is written), and the sum of
// each block's squares of that.
template <class T> __global__ void muon_momentum(Parameters all, double* parts, double momentum, bool nesterov) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T *g = (const T*)all.from[1][at.i], *from = (const T*)all.from[2][at.i];
    T* to = (T*)all.to[1][at.i];
    __nv_bfloat16* step = (__nv_bfloat16*)all.to[2][at.i];
    const C keep = (C)momentum, take = (C)(1 - momentum);
    float found = 0;
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x) {
        const C fresh = (C)g[i], buffer = keep * (C)from[i] + take * fresh;
        to[i] = (T)buffer;
        const __nv_bfloat16 x = __nv_bfloat16((float)(nesterov ? keep * buffer + take * fresh : buffer));
        step[i] = x;
        found += (float)x * (float)x;
    }
    found = over_block(found, Sum(), 0.f);
    if (threadIdx.x == 0) parts[blockIdx.x] = (double)found;
}

// Each matrix's norm, which has a block; what the blocks of the others came to stands before its own.
__global__ void muon_norms(Parameters all, const double* parts, float* norms, double eps) {
    const int i = blockIdx.x;
    double found = 0;
    for (int k = (i ? all.blocks[i - 1] : 0) + threadIdx.x; k < all.blocks[i]; k += blockDim.x) found += parts[k];
    found = over_block(found, Sum(), 0.0);
    const float norm = coarse((float)sqrt(found));
    if (threadIdx.x == 0) norms[i] = norm < (float)eps ? (float)eps : norm;
}

// Divides the steps, which the third list written holds, by their norms.
__global__ void muon_divided(Parameters all, const float* norms) {
    const Place at = place_of_block(all);
    __nv_bfloat16* step = (__nv_bfloat16*)all.to[2][at.i];
    const float norm = norms[at.i];
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x)
        step[i] = __nv_bfloat16((float)step[i] / norm);
}

// Takes the steps, which are read in the fourth list, and the decay; `first` holds each matrix's rate.
template <class T> __global__ void muon_taken(Parameters all, double left) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const T* from = (const T*)all.from[0][at.i];
    T* to = (T*)all.to[0][at.i];
    const __nv_bfloat16* step = (const __nv_bfloat16*)all.from[3][at.i];
    const C rate = (C)all.first[at.i], fewer = (C)left;
    for (int64 i = at.start + threadIdx.x; i < at.stop; i += blockDim.x)
        to[i] = (T)((C)from[i] * fewer - rate * (C)(float)step[i]);
}
