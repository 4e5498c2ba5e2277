// Layer, group, root-mean-square and batch normalization.
//
// A row is a sample's group of channels: `groups` rows to a sample, each of width / inner channels of `inner` elements.
// Layer and root-mean-square norm are the case of one group and channels of one element. Where all arrays begin at
// multiples of sixteen bytes and packs of so many neither end within a row nor, of longer channels, within a channel,
// that much is moved at once (`WIDE`).
#include "moved.cuh"

// What the elements of a pack are multiplied by, or what is added to them: a number of each one's channel.
template <class T, bool WIDE> __device__ Pack<T, WIDE> of_channels(const T* values, int64 i, int64 inner) {
    if (inner == 1) return *(const Pack<T, WIDE>*)(values + i);
    const T one = values[i / inner];
    Pack<T, WIDE> all;
#pragma unroll
    for (int j = 0; j < Pack<T, WIDE>::count; j++) all.items[j] = one;
    return all;
}

template <class T, bool CENTRED, bool WIDE>
__global__ void norm_rows(const T* x, const T* weight, const T* bias, T* out, typename Computed<T>::type* means,
                          typename Computed<T>::type* rstds, int64 width, int64 groups, int64 inner, double eps) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int each = P::count;
    const int64 start = blockIdx.x * width, first = blockIdx.x % groups * (width / inner);
    x += start;
    out += start;
    if (weight) weight += first;
    if (bias) bias += first;
    C mean = 0;
    if (CENTRED) {
        for (int64 i = threadIdx.x * each; i < width; i += blockDim.x * each) {
            const P pack = *(const P*)(x + i);
#pragma unroll
            for (int j = 0; j < each; j++) mean += (C)pack.items[j];
        }
        mean = over_block(mean, Sum(), C(0)) / (C)width;
    }
    C square = 0;
    for (int64 i = threadIdx.x * each; i < width; i += blockDim.x * each) {
        const P pack = *(const P*)(x + i);
#pragma unroll
        for (int j = 0; j < each; j++) {
            const C centred = (C)pack.items[j] - mean;
            square += centred * centred;
        }
    }
    const C rstd = C(1) / sqrt(over_block(square, Sum(), C(0)) / (C)width + (C)eps);
    if (threadIdx.x == 0) {
        if (CENTRED) means[blockIdx.x] = mean;
        rstds[blockIdx.x] = rstd;
    }
    for (int64 i = threadIdx.x * each; i < width; i += blockDim.x * each) {
        P pack = *(const P*)(x + i), factors, terms;
        if (weight) factors = of_channels<T, WIDE>(weight, i, inner);
        if (bias) terms = of_channels<T, WIDE>(bias, i, inner);
#pragma unroll
        for (int j = 0; j < each; j++) {
            C value = ((C)pack.items[j] - mean) * rstd;
            if (weight) value *= (C)factors.items[j];
            if (bias) value += (C)terms.items[j];
            pack.items[j] = (T)value;
        }
        *(P*)(out + i) = pack;
    }
}

// With y = (x - mean) rstd and h = g weight: gx = rstd (h - mean(h) - y mean(h y)); without centring no mean(h).
template <class T, bool CENTRED, bool WIDE>
__global__ void norm_grad_rows(const T* x, const T* g, const T* weight, const typename Computed<T>::type* means,
                               const typename Computed<T>::type* rstds, T* out, int64 width, int64 groups,
                               int64 inner) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int each = P::count;
    const int64 start = blockIdx.x * width, first = blockIdx.x % groups * (width / inner);
    const C mean = CENTRED ? means[blockIdx.x] : C(0), rstd = rstds[blockIdx.x];
    x += start;
    g += start;
    out += start;
    if (weight) weight += first;
    C total = 0, dot = 0;
    for (int64 i = threadIdx.x * each; i < width; i += blockDim.x * each) {
        const P pack = *(const P*)(x + i), back = *(const P*)(g + i);
        P factors;
        if (weight) factors = of_channels<T, WIDE>(weight, i, inner);
#pragma unroll
        for (int j = 0; j < each; j++) {
            const C h = weight ? (C)back.items[j] * (C)factors.items[j] : (C)back.items[j];
            total += h;
            dot += h * ((C)pack.items[j] - mean) * rstd;
        }
    }
    total = CENTRED ? over_block(total, Sum(), C(0)) / (C)width : C(0);
    dot = over_block(dot, Sum(), C(0)) / (C)width;
    for (int64 i = threadIdx.x * each; i < width; i += blockDim.x * each) {
        const P back = *(const P*)(g + i);
        P pack = *(const P*)(x + i), factors;
        if (weight) factors = of_channels<T, WIDE>(weight, i, inner);
#pragma unroll
        for (int j = 0; j < each; j++) {
            const C h = weight ? (C)back.items[j] * (C)factors.items[j] : (C)back.items[j];
            const C y = ((C)pack.items[j] - mean) * rstd;
            pack.items[j] = (T)(rstd * (h - total - y * dot));
        }
        *(P*)(out + i) = pack;
    }
}

// Sums over rows of g y and of g, by column: a block takes 32 columns of `chunk` rows, and writes one line of its own,
// so that the order of summation is fixed.
template <class T, bool CENTRED>
__global__ void norm_weight_columns(const T* x, const T* g, const typename Computed<T>::type* means,
                                    const typename Computed<T>::type* rstds, typename Computed<T>::type* by_weight,
                                    typename Computed<T>::type* by_bias, int64 rows, int64 width, int64 chunk) {
    typedef typename Computed<T>::type C;
    __shared__ C weights[32][33];
    __shared__ C biases[32][33];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    const int64 column = (int64)blockIdx.x * 32 + lane, first = blockIdx.y * chunk;
    const int64 last = first + chunk < rows ? first + chunk : rows;
    C weight = 0, bias = 0;
    if (column < width) {
#pragma unroll 4
        for (int64 row = first + warp; row < last; row += warps) {
            const int64 at = row * width + column;
            const C value = (C)g[at];
            weight += value * ((C)x[at] - (CENTRED ? means[row] : C(0))) * rstds[row];
            bias += value;
        }
    }
    weights[warp][lane] = weight;
    biases[warp][lane] = bias;
    __syncthreads();
    if (warp == 0 && column < width) {
        for (int i = 1; i < warps; i++) {
            weight += weights[i][lane];
            bias += biases[i][lane];
        }
        by_weight[blockIdx.y * width + column] = weight;
        by_bias[blockIdx.y * width + column] = bias;
    }
}

// A block's share of a channel's elements, which are counted over all samples: `chunk` of them.
struct Share {
    int64 start, stop;
};

__device__ inline Share share_of_block(int64 count, int64 chunk) {
    const int64 start = blockIdx.y * chunk;
    return Share{start, start + chunk < count ? start + chunk : count};
}

// Where element i of a channel of (samples, channels, inner) stands.
__device__ inline int64 place_in_channel(int64 i, int64 channel, int64 channels, int64 inner) {
    const int64 sample = i / inner;
    return (sample * channels + channel) * inner + (i - sample * inner);
}

// Sums of g y and of g by channel of (samples, channels, inner): a block takes a share of a channel, and writes one
// number of each of its own. The statistics belong to groups of channels of a sample, or, where `of_batch`, to channels.
template <class T, bool WIDE>
__global__ void norm_weight_channels(const T* x, const T* g, const typename Computed<T>::type* means,
                                     const typename Computed<T>::type* rstds, typename Computed<T>::type* by_weight,
                                     typename Computed<T>::type* by_bias, int64 samples, int64 channels, int64 inner,
                                     int64 groups, int64 chunk, bool of_batch) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int each = P::count;
    const int64 channel = blockIdx.x, in_group = channels / groups;
    const Share share = share_of_block(samples * inner, chunk);
    C weight = 0, bias = 0;
#pragma unroll 2
    for (int64 i = share.start + threadIdx.x * each; i < share.stop; i += blockDim.x * each) {
        const int64 at = place_in_channel(i, channel, channels, inner);
        const int64 row = of_batch ? channel : i / inner * groups + channel / in_group;
        const P pack = *(const P*)(x + at), back = *(const P*)(g + at);
        const C mean = means[row], rstd = rstds[row];
#pragma unroll
        for (int j = 0; j < each; j++) {
            const C value = (C)back.items[j];
            weight += value * ((C)pack.items[j] - mean) * rstd;
            bias += value;
        }
    }
    weight = over_block(weight, Sum(), C(0));
    bias = over_block(bias, Sum(), C(0));
    if (threadIdx.x == 0) {
        by_weight[blockIdx.y * channels + channel] = weight;
        by_bias[blockIdx.y * channels + channel] = bias;
    }
}

// How many numbers there are, their mean, and the sum of the squares of how far they are from it.
template <class C> struct Moments {
    C count, mean, square;
};

// Those of two lots together (Chan et al., 1979).
template <class C> __device__ Moments<C> joined(const Moments<C>& a, const Moments<C>& b) {
    const C count = a.count + b.count;
    if (count == C(0)) return a;
    const C apart = b.mean - a.mean, share = b.count / count;
    return Moments<C>{count, a.mean + apart * share, a.square + b.square + apart * apart * (a.count * share)};
}

template <class C> __device__ Moments<C> joined_over_warp(Moments<C> mine) {
    for (int step = 16; step > 0; step >>= 1) {
        const C count = __shfl_down_sync(0xffffffffu, mine.count, step);
        const C mean = __shfl_down_sync(0xffffffffu, mine.mean, step);
        const C square = __shfl_down_sync(0xffffffffu, mine.square, step);
        mine = joined(mine, Moments<C>{count, mean, square});
    }
    return mine;
}

// A channel's moments over the batch: a block takes a share of a channel, and leaves what it finds in its place of
// `parts`, (3, shares, channels). Each thread counts from its first number on, so that no large sums are subtracted.
template <class T, bool WIDE>
__global__ void batch_moments(const T* x, typename Computed<T>::type* parts, int64 samples, int64 channels,
                              int64 inner, int64 chunk) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int each = P::count;
    __shared__ Moments<C> found[32];
    const int64 channel = blockIdx.x;
    const Share share = share_of_block(samples * inner, chunk);
    const int64 begin = share.start + threadIdx.x * each;
    const C shift = begin < share.stop ? (C)x[place_in_channel(begin, channel, channels, inner)] : C(0);
    C sum = 0, square = 0;
    int64 count = 0;
#pragma unroll 2
    for (int64 i = begin; i < share.stop; i += blockDim.x * each, count += each) {
        const P pack = *(const P*)(x + place_in_channel(i, channel, channels, inner));
#pragma unroll
        for (int j = 0; j < each; j++) {
            const C value = (C)pack.items[j] - shift;
            sum += value;
            square += value * value;
        }
    }
    Moments<C> mine = {(C)count, shift, C(0)};
    if (count > 0) {
        const C mean = sum / (C)count, rest = square - sum * mean;
        mine.mean += mean;
        mine.square = rest < C(0) ? C(0) : rest;
    }
    mine = joined_over_warp(mine);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    if (lane == 0) found[warp] = mine;
    __syncthreads();
    if (warp > 0) return;
    mine = joined_over_warp(lane < warps ? found[lane] : Moments<C>{C(0), C(0), C(0)});
    if (lane > 0) return;
    const int64 at = blockIdx.y * channels + channel, apart = gridDim.y * channels;
    parts[at] = mine.count;
    parts[at + apart] = mine.mean;
    parts[at + 2 * apart] = mine.square;
}

// A channel's mean, biased variance and reciprocal deviation, of the moments of its shares: a warp a channel.
template <class T>
__global__ void batch_statistics(const typename Computed<T>::type* parts, T* mean_out, T* var_out,
                                 typename Computed<T>::type* means, typename Computed<T>::type* rstds, int64 channels,
                                 int64 shares, double eps) {
    typedef typename Computed<T>::type C;
    const int lane = threadIdx.x & 31;
    const int64 channel = (int64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (channel >= channels) return;
    const int64 apart = shares * channels;
    Moments<C> mine = {C(0), C(0), C(0)};
    for (int64 i = lane; i < shares; i += 32) {
        const C* part = parts + i * channels + channel;
        mine = joined(mine, Moments<C>{part[0], part[apart], part[2 * apart]});
    }
    mine = joined_over_warp(mine);
    if (lane > 0) return;
    const C var = mine.square / mine.count;
    mean_out[channel] = (T)mine.mean;
    var_out[channel] = (T)var;
    means[channel] = mine.mean;
    rstds[channel] = C(1) / sqrt(var + (C)eps);
}

template <class T, bool WIDE>
__global__ void batch_norm(const T* x, const T* weight, const T* bias, const typename Computed<T>::type* means,
                           const typename Computed<T>::type* rstds, T* out, int64 size, int64 channels, int64 inner) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int each = P::count;
    for (int64 i = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * each; i < size;
         i += (int64)gridDim.x * blockDim.x * each) {
        P pack = *(const P*)(x + i);
        const int64 channel = i / inner % channels;
        const C mean = means[channel], rstd = rstds[channel];
        const C factor = weight ? (C)weight[channel] : C(1), term = bias ? (C)bias[channel] : C(0);
#pragma unroll
        for (int j = 0; j < each; j++) {
            C value = ((C)pack.items[j] - mean) * rstd;
            if (weight) value *= factor;
            if (bias) value += term;
            pack.items[j] = (T)value;
        }
        *(P*)(out + i) = pack;
    }
}

template <class T, bool WIDE>
__global__ void batch_norm_grad(const T* x, const T* g, const T* weight, const typename Computed<T>::type* means,
                                const typename Computed<T>::type* rstds, const typename Computed<T>::type* by_weight,
                                const typename Computed<T>::type* by_bias, T* out, int64 size, int64 channels,
                                int64 inner) {
    typedef typename Computed<T>::type C;
    typedef Pack<T, WIDE> P;
    const int each = P::count;
    const C count = (C)(size / channels);
    for (int64 i = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * each; i < size;
         i += (int64)gridDim.x * blockDim.x * each) {
        const P back = *(const P*)(g + i);
        P pack = *(const P*)(x + i);
        const int64 channel = i / inner % channels;
        const C mean = means[channel], rstd = rstds[channel], slope = weight ? (C)weight[channel] * rstd : rstd;
        const C bias = by_bias[channel] / count, along = by_weight[channel] / count;
#pragma unroll
        for (int j = 0; j < each; j++) {
            const C y = ((C)pack.items[j] - mean) * rstd;
            pack.items[j] = (T)(slope * ((C)back.items[j] - bias - y * along));
        }
        *(P*)(out + i) = pack;
    }
}
