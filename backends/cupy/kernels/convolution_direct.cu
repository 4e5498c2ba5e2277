// Convolutions with few channels in a group, depthwise ones above all: a tile of a product would be empty for the most
// part, so each thread sums an element of its own.
#include "convolution.cuh"

// How many terms' sums a thread holds at once.
const int HELD = 9;

// The second axis of the grid is a transposed convolution's phase. Neighbouring threads take neighbouring places, or
// channels where those lie side by side.
template <class T>
__global__ void correlate_direct(Correlation told, const T* source, const T* weight, const T* bias, T* target, bool last) {
    typedef typename Computed<T>::type C;
    __shared__ Correlation how;
    if (threadIdx.x == 0) {
        how = told;
        if (told.transposed) enter_phase(how, blockIdx.y);
    }
    __syncthreads();
    const int columns = how.columns, channels = how.groups * columns, places = places_of(how);
    const int64 size = (int64)how.samples * places * channels;
    const Axis x = how.axis[0], y = how.axis[1], z = how.axis[2];
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int channel = (int)(last ? i % channels : i / places % channels);
        const int sample = (int)(i / ((int64)places * channels));
        const int rest = (int)(last ? i / channels % places : i % places);
        const int group = channel / columns, column = channel % columns;
        const Spot place = spot_of(how, Digits{{sample, rest / (y.places * z.places), rest / z.places % y.places,
                                                  rest % z.places}});
        const T* from = source + place.source + group * how.source_group;
        const T* by = weight + how.weight_start + group * how.weight_group + column * how.weight_column;
        C sum = 0;
        for (int c = 0; c < how.channels; c++, from += how.source_channel, by += how.weight_channel)
            for (int a = 0, u = place.at[0]; a < x.taps; a++, u += x.apart) {
                if ((unsigned)u >= (unsigned)x.size) continue;
                for (int b = 0, v = place.at[1]; b < y.taps; b++, v += y.apart) {
                    if ((unsigned)v >= (unsigned)y.size) continue;
                    const T* line = from + a * x.apart * x.source + b * y.apart * y.source;
                    const T* factors = by + a * x.weight + b * y.weight;
                    for (int d = 0, w = place.at[2]; d < z.taps; d++, w += z.apart)
                        if ((unsigned)w < (unsigned)z.size)
                            sum += (C)line[d * z.apart * z.source] * (C)factors[d * z.weight];
                }
            }
        if (bias) sum += (C)bias[channel];
        target[how.target_start + place.target + group * how.target_group + column * how.target_column] = (T)sum;
    }
}

// The transpose in the weight: a block for up to HELD terms of a channel of `g`, and a slice of the places.
template <class T>
__global__ void correlate_weight_direct(Correlation how, const T* source, const T* g, T* out,
                                        typename Computed<T>::type* parts, int chunks, int slice, int64 size,
                                        bool last) {
    typedef typename Computed<T>::type C;
    __shared__ Term terms[HELD];
    const int channel = blockIdx.x / chunks, first = blockIdx.x % chunks * HELD;
    const int group = channel / how.columns, column = channel % how.columns, rows = how.channels * taps_of(how);
    source += group * how.source_group;
    g += group * how.target_group + column * how.target_column;
    if (threadIdx.x < HELD) {
        Term term = term_of(how, digits_of(first + threadIdx.x, sizes_of_terms(how, last)), last);
        if (first + (int)threadIdx.x >= rows) term.at[0] = NOWHERE;
        terms[threadIdx.x] = term;
    }
    __syncthreads();
    const int count = how.samples * places_of(how), begin = blockIdx.y * slice;
    const int end = count - begin < slice ? count : begin + slice;
    const Extent extent = extent_of(how);
    const Digits sizes = sizes_of_places(how), step = digits_of(blockDim.x, sizes);
    Digits number = digits_of(begin + threadIdx.x, sizes);
    C sums[HELD];
#pragma unroll
    for (int e = 0; e < HELD; e++) sums[e] = 0;
#pragma unroll 1
    for (int i = begin + threadIdx.x; i < end; i += blockDim.x, advance(number, step, sizes)) {
        const Spot place = spot_of(how, number);
        const C given = (C)g[place.target];
#pragma unroll
        for (int e = 0; e < HELD; e++) {
            const Term& term = terms[e];
            if (inside(place, term, extent)) sums[e] += given * (C)source[place.source + term.source];
        }
    }
#pragma unroll
    for (int e = 0; e < HELD; e++) {
        const C sum = over_block(sums[e], Sum(), C(0));
        if (threadIdx.x != 0 || first + e >= rows) continue;
        const int64 to = group * how.weight_group + terms[e].weight + column * how.weight_column;
        if (parts) parts[blockIdx.y * size + to] = sum;
        else out[to] = (T)sum;
    }
}

// What several blocks have summed, together.
template <class T>
__global__ void sum_parts(const typename Computed<T>::type* parts, T* out, int64 size, int count) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        C sum = 0;
        for (int part = 0; part < count; part++) sum += parts[part * size + i];
        out[i] = (T)sum;
    }
}

// Add a channel's bias to what another library has convolved; `together` elements of a channel lie side by side.
template <class T>
__global__ void add_bias(T* x, const T* bias, int64 size, int channels, int together) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        // Short divisions, where they do, take a fraction of the time.
        const int channel = size >> 32 ? (int)(i / together % channels) : (int)((unsigned)i / together % channels);
        x[i] = (T)((C)x[i] + (C)bias[channel]);
    }
}
