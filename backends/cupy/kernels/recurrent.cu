// One step of a recurrent layer: what stands between its products. Arrays of all steps are (steps * n, width). States
// are kept, and gates computed, in what the dtype is computed in.

// Of n rows those from `alive` on are not in this step. Rows below `started` were in the one before it, at `earlier`;
// rows from `ending` on are not in the next.
struct Step {
    int64 now, earlier;
    int n, width, alive, started, ending;
};

template <class C> __device__ C sigmoid_of(C value) { return C(1) / (C(1) + exp(-value)); }

#define EACH_STATE(k) \
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < at.n * at.width; k += gridDim.x * blockDim.x)

// Where a row's gates begin, of `count` gates in all.
__device__ inline int64 gates_of(const Step& at, int k, int count) {
    return (at.now * at.n + k / at.width) * count * at.width + k % at.width;
}

// The cotangent of a state: what later steps have left, and that of the output.
template <class C, class T> __device__ C cotangent_of(const C* later, const T* g, const Step& at, int k) {
    return later[k] + (g == nullptr ? C(0) : (C)g[at.now * at.n * at.width + k]);
}

// A state of 16 bits is also kept as two numbers, of which it is the first and what it lacks the second: what is rounded
// at each step would add up. `halves` is (steps * n, 2 * width), the first numbers before the second; null for others.
template <class C, class T> __device__ void keep_state(T* out, T* halves, const Step& at, int k, C state) {
    const T rounded = (T)state;
    out[at.now * at.n * at.width + k] = rounded;
    if (halves == nullptr) return;
    T* place = halves + gates_of(at, k, 2);
    place[0] = rounded;
    place[at.width] = (T)(state - (C)rounded);
}

template <class C, class T>
__device__ C earlier_state(const T* out, const T* halves, const T* h0, const Step& at, int k) {
    const int row = k / at.width;
    if (row >= at.started) return (C)h0[k];
    if (halves == nullptr) return (C)out[at.earlier * at.n * at.width + k];
    const T* place = halves + (at.earlier * at.n + row) * 2 * at.width + k % at.width;
    return (C)place[0] + (C)place[at.width];
}

// `gates` are their arguments, and afterwards themselves if KEEP; else one array of cells serves all steps.
template <class T, bool KEEP>
__global__ void lstm_step(
    typename Computed<T>::type* gates, typename Computed<T>::type* cells, const T* c0, T* out, T* halves, T* h_n,
    T* c_n, const Step at) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)at.n * at.width;
    EACH_STATE(k) {
        const int row = k / at.width;
        if (row >= at.alive) {
            out[at.now * all + k] = (T)C(0);
            continue;
        }
        C* z = gates + gates_of(at, k, 4);
        const C i = sigmoid_of(z[0]), f = sigmoid_of(z[at.width]);
        const C g = tanh(z[2 * at.width]), o = sigmoid_of(z[3 * at.width]);
        const C cell = f * (row < at.started ? cells[(KEEP ? at.earlier * all : 0) + k] : (C)c0[k]) + i * g;
        cells[(KEEP ? at.now * all : 0) + k] = cell;
        if (KEEP) {
            z[0] = i;
            z[at.width] = f;
            z[2 * at.width] = g;
            z[3 * at.width] = o;
        }
        const C h = o * tanh(cell);
        keep_state(out, halves, at, k, h);
        if (row >= at.ending) {
            c_n[k] = (T)cell;
            if (h_n != nullptr) h_n[k] = (T)h;
        }
    }
}

// `later` and `later_cells` are the cotangents of the states. `deltas` are those of the gates' arguments, `first` those
// of each row's first step.
template <class T>
__global__ void lstm_back(
    const typename Computed<T>::type* gates, const typename Computed<T>::type* cells, const T* c0, const T* g_out,
    const typename Computed<T>::type* later, typename Computed<T>::type* later_cells, T* deltas, T* first,
    const Step at) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)at.n * at.width;
    EACH_STATE(k) {
        const int row = k / at.width;
        const int64 place = gates_of(at, k, 4);
        C d[4] = {C(0), C(0), C(0), C(0)};
        if (row < at.alive) {
            const C* z = gates + place;
            const C i = z[0], f = z[at.width], g = z[2 * at.width], o = z[3 * at.width];
            const C bounded = tanh(cells[at.now * all + k]), by_state = cotangent_of(later, g_out, at, k);
            const C earlier = row < at.started ? cells[at.earlier * all + k] : (C)c0[k];
            const C by_cell = later_cells[k] + by_state * o * (C(1) - bounded * bounded);
            later_cells[k] = by_cell * f;
            d[0] = by_cell * g * i * (C(1) - i);
            d[1] = by_cell * earlier * f * (C(1) - f);
            d[2] = by_cell * i * (C(1) - g * g);
            d[3] = by_state * bounded * o * (C(1) - o);
        }
        for (int gate = 0; gate < 4; gate++) {
            deltas[place + gate * at.width] = (T)d[gate];
            if (first != nullptr && row >= at.started && row < at.alive)
                first[((int64)row * 4 + gate) * at.width + k % at.width] = (T)d[gate];
        }
    }
}

// The cotangent of a projected state, which goes through the projection next.
template <class T>
__global__ void projected_back(const T* g_out, const typename Computed<T>::type* later, T* out, const Step at) {
    typedef typename Computed<T>::type C;
    EACH_STATE(k)
        out[at.now * at.n * at.width + k] =
            (T)(k / at.width < at.alive ? cotangent_of(later, g_out, at, k) : C(0));
}

// `gates` are what the inputs add to the arguments of r, z and n, and afterwards the gates if KEEP; `product` is what
// the states add, and `inner` keeps what they add to that of n.
template <class T, bool KEEP>
__global__ void gru_step(
    typename Computed<T>::type* gates, typename Computed<T>::type* inner, const typename Computed<T>::type* product,
    const T* bias, const T* h0, T* out, T* halves, T* h_n, const Step at) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)at.n * at.width;
    EACH_STATE(k) {
        const int row = k / at.width, column = k % at.width;
        if (row >= at.alive) {
            out[at.now * all + k] = (T)C(0);
            continue;
        }
        C* a = gates + gates_of(at, k, 3);
        C s[3];
        for (int gate = 0; gate < 3; gate++)
            s[gate] = product[((int64)row * 3 + gate) * at.width + column] +
                      (bias == nullptr ? C(0) : (C)bias[gate * at.width + column]);
        const C r = sigmoid_of(a[0] + s[0]), z = sigmoid_of(a[at.width] + s[1]), n = tanh(a[2 * at.width] + r * s[2]);
        const C state = earlier_state<C>(out, halves, h0, at, k);
        if (KEEP) {
            a[0] = r;
            a[at.width] = z;
            a[2 * at.width] = n;
            inner[at.now * all + k] = s[2];
        }
        const C h = n + z * (state - n);
        keep_state(out, halves, at, k, h);
        if (row >= at.ending) h_n[k] = (T)h;
    }
}

// `by_inputs` and `by_states` are the cotangents of what the inputs and what the states add to the gates' arguments.
template <class T>
__global__ void gru_back(
    const typename Computed<T>::type* gates, const typename Computed<T>::type* inner, const T* h0, const T* out,
    const T* halves, const T* g_out, typename Computed<T>::type* later, T* by_inputs, T* by_states, T* first,
    const Step at) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)at.n * at.width;
    EACH_STATE(k) {
        const int row = k / at.width, column = k % at.width;
        const int64 place = gates_of(at, k, 3);
        C d[4] = {C(0), C(0), C(0), C(0)};
        if (row < at.alive) {
            const C* a = gates + place;
            const C r = a[0], z = a[at.width], n = a[2 * at.width], m = inner[at.now * all + k];
            const C state = earlier_state<C>(out, halves, h0, at, k);
            const C by_state = cotangent_of(later, g_out, at, k);
            d[2] = by_state * (C(1) - z) * (C(1) - n * n);
            d[0] = d[2] * m * r * (C(1) - r);
            d[1] = by_state * (state - n) * z * (C(1) - z);
            d[3] = d[2] * r;
            later[k] = by_state * z;
        }
        for (int gate = 0; gate < 3; gate++) {
            const T by = (T)d[gate == 2 ? 3 : gate];
            by_inputs[place + gate * at.width] = (T)d[gate];
            by_states[place + gate * at.width] = by;
            if (first != nullptr && row >= at.started && row < at.alive)
                first[((int64)row * 3 + gate) * at.width + column] = by;
        }
    }
}

// `inputs` are the arguments; nothing of them is kept.
template <class T, bool RELU>
__global__ void rnn_step(const typename Computed<T>::type* inputs, T* out, T* halves, T* h_n, const Step at) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)at.n * at.width;
    EACH_STATE(k) {
        const int row = k / at.width;
        if (row >= at.alive) {
            out[at.now * all + k] = (T)C(0);
            continue;
        }
        const C z = inputs[at.now * all + k], h = RELU ? (z < C(0) ? C(0) : z) : tanh(z);
        keep_state(out, halves, at, k, h);
        if (row >= at.ending) h_n[k] = (T)h;
    }
}

template <class T, bool RELU>
__global__ void rnn_back(
    const T* out, const T* g_out, const typename Computed<T>::type* later, T* deltas, T* first, const Step at) {
    typedef typename Computed<T>::type C;
    const int64 all = (int64)at.n * at.width;
    EACH_STATE(k) {
        const int row = k / at.width;
        C delta = C(0);
        if (row < at.alive) {
            const C h = (C)out[at.now * all + k], by_state = cotangent_of(later, g_out, at, k);
            delta = RELU ? (h > C(0) ? by_state : C(0)) : by_state * (C(1) - h * h);
        }
        deltas[at.now * all + k] = (T)delta;
        if (first != nullptr && row >= at.started && row < at.alive) first[k] = (T)delta;
    }
}
