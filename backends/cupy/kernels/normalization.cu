// Layer, group, root-mean-square and batch normalization.
//
// A row is a sample's group of channels: `groups` rows to a sample, each of width / inner channels of `inner` elements.
// Layer and root-mean-square norm are the case of one group and channels of one element.

template <class T, bool CENTRED>
__global__ void norm_rows(const T* x, const T* weight, const T* bias, T* out, typename Computed<T>::type* means,
                          typename Computed<T>::type* rstds, int64 width, int64 groups, int64 inner, double eps) {
    typedef typename Computed<T>::type C;
    const int64 start = blockIdx.x * width, first = blockIdx.x % groups * (width / inner);
    C mean = 0;
    if (CENTRED) {
        for (int64 i = threadIdx.x; i < width; i += blockDim.x) mean += (C)x[start + i];
        mean = over_block(mean, Sum(), C(0)) / (C)width;
    }
    C square = 0;
    for (int64 i = threadIdx.x; i < width; i += blockDim.x) {
        const C centred = (C)x[start + i] - mean;
        square += centred * centred;
    }
    const C rstd = C(1) / sqrt(over_block(square, Sum(), C(0)) / (C)width + (C)eps);
    if (threadIdx.x == 0) {
        if (CENTRED) means[blockIdx.x] = mean;
        rstds[blockIdx.x] = rstd;
    }
    for (int64 i = threadIdx.x; i < width; i += blockDim.x) {
        C value = ((C)x[start + i] - mean) * rstd;
        const int64 channel = first + i / inner;
        if (weight) value *= (C)weight[channel];
        if (bias) value += (C)bias[channel];
        out[start + i] = (T)value;
    }
}

// With y = (x - mean) rstd and h = g weight: gx = rstd (h - mean(h) - y mean(h y)); without centring no mean(h).
template <class T, bool CENTRED>
__global__ void norm_grad_rows(const T* x, const T* g, const T* weight, const typename Computed<T>::type* means,
                               const typename Computed<T>::type* rstds, T* out, int64 width, int64 groups,
                               int64 inner) {
    typedef typename Computed<T>::type C;
    const int64 start = blockIdx.x * width, first = blockIdx.x % groups * (width / inner);
    const C mean = CENTRED ? means[blockIdx.x] : C(0), rstd = rstds[blockIdx.x];
    C total = 0, dot = 0;
    for (int64 i = threadIdx.x; i < width; i += blockDim.x) {
        C h = (C)g[start + i];
        if (weight) h *= (C)weight[first + i / inner];
        total += h;
        dot += h * ((C)x[start + i] - mean) * rstd;
    }
    total = CENTRED ? over_block(total, Sum(), C(0)) / (C)width : C(0);
    dot = over_block(dot, Sum(), C(0)) / (C)width;
    for (int64 i = threadIdx.x; i < width; i += blockDim.x) {
        C h = (C)g[start + i];
        if (weight) h *= (C)weight[first + i / inner];
        const C y = ((C)x[start + i] - mean) * rstd;
        out[start + i] = (T)(rstd * (h - total - y * dot));
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

// The same sums by channel of (samples, channels, inner): one block a channel. The statistics belong to groups of
// channels of a sample, or, where `of_batch`, to channels.
template <class T>
__global__ void norm_weight_channels(const T* x, const T* g, const typename Computed<T>::type* means,
                                     const typename Computed<T>::type* rstds, typename Computed<T>::type* by_weight,
                                     typename Computed<T>::type* by_bias, int64 samples, int64 channels, int64 inner,
                                     int64 groups, bool of_batch) {
    typedef typename Computed<T>::type C;
    const int64 channel = blockIdx.x, in_group = channels / groups;
    C weight = 0, bias = 0;
    for (int64 i = threadIdx.x; i < samples * inner; i += blockDim.x) {
        const int64 sample = i / inner, at = (sample * channels + channel) * inner + i % inner;
        const int64 row = of_batch ? channel : sample * groups + channel / in_group;
        const C value = (C)g[at];
        weight += value * ((C)x[at] - means[row]) * rstds[row];
        bias += value;
    }
    weight = over_block(weight, Sum(), C(0));
    bias = over_block(bias, Sum(), C(0));
    if (threadIdx.x == 0) {
        by_weight[channel] = weight;
        by_bias[channel] = bias;
    }
}

// A channel's mean, biased variance and reciprocal deviation over the batch: one block a channel.
template <class T>
__global__ void batch_statistics(const T* x, T* mean_out, T* var_out, typename Computed<T>::type* means,
                                 typename Computed<T>::type* rstds, int64 samples, int64 channels, int64 inner,
                                 double eps) {
    typedef typename Computed<T>::type C;
    const int64 channel = blockIdx.x, count = samples * inner;
    C mean = 0;
    for (int64 i = threadIdx.x; i < count; i += blockDim.x)
        mean += (C)x[(i / inner * channels + channel) * inner + i % inner];
    mean = over_block(mean, Sum(), C(0)) / (C)count;
    C square = 0;
    for (int64 i = threadIdx.x; i < count; i += blockDim.x) {
        const C centred = (C)x[(i / inner * channels + channel) * inner + i % inner] - mean;
        square += centred * centred;
    }
    const C var = over_block(square, Sum(), C(0)) / (C)count;
    if (threadIdx.x == 0) {
        mean_out[channel] = (T)mean;
        var_out[channel] = (T)var;
        means[channel] = mean;
        rstds[channel] = C(1) / sqrt(var + (C)eps);
    }
}

template <class T>
__global__ void batch_norm(const T* x, const T* weight, const T* bias, const typename Computed<T>::type* means,
                           const typename Computed<T>::type* rstds, T* out, int64 size, int64 channels, int64 inner) {
    typedef typename Computed<T>::type C;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 channel = i / inner % channels;
        C value = ((C)x[i] - means[channel]) * rstds[channel];
        if (weight) value *= (C)weight[channel];
        if (bias) value += (C)bias[channel];
        out[i] = (T)value;
    }
}

template <class T>
__global__ void batch_norm_grad(const T* x, const T* g, const T* weight, const typename Computed<T>::type* means,
                                const typename Computed<T>::type* rstds, const typename Computed<T>::type* by_weight,
                                const typename Computed<T>::type* by_bias, T* out, int64 size, int64 channels,
                                int64 inner) {
    typedef typename Computed<T>::type C;
    const C count = (C)(size / channels);
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        const int64 channel = i / inner % channels;
        const C y = ((C)x[i] - means[channel]) * rstds[channel];
        const C slope = weight ? (C)weight[channel] * rstds[channel] : rstds[channel];
        out[i] = (T)(slope * ((C)g[i] - by_bias[channel] / count - y * by_weight[channel] / count));
    }
}
