// Activations and their slopes, as functions of one element.

const double ROOT_HALF = 0.70710678118654752440, ROOT_TWO_OVER_PI = 0.79788456080286535588;
const double ROOT_TWO_PI_INVERSE = 0.39894228040143267794;

// What is no number stays none.
struct Relu {
    template <class C> static __device__ C value(C x, double, double) {
        return x < C(0) ? C(0) : x;
    }
    template <class C> static __device__ C slope(C x, double, double) {
        return x > C(0) ? C(1) : C(0);
    }
};

struct Gelu {
    template <class C> static __device__ C value(C x, double, double) {
        return x == -infinity<C>() ? C(-0.0) : C(0.5) * x * erfc(-x * (C)ROOT_HALF);
    }
    template <class C> static __device__ C slope(C x, double, double) {
        const C density = (C)ROOT_TWO_PI_INVERSE * exp(C(-0.5) * x * x);
        return C(0.5) * erfc(-x * (C)ROOT_HALF) + (density == C(0) ? C(0) : x * density);
    }
};

struct GeluTanh {
    template <class C> static __device__ C value(C x, double, double) {
        if (x == -infinity<C>()) return C(-0.0);
        return C(0.5) * x * (C(1) + tanh((C)ROOT_TWO_OVER_PI * (x + C(0.044715) * x * x * x)));
    }
    template <class C> static __device__ C slope(C x, double, double) {
        const C t = tanh((C)ROOT_TWO_OVER_PI * (x + C(0.044715) * x * x * x)), rest = C(1) - t * t;
        const C inner = (C)ROOT_TWO_OVER_PI * (C(1) + C(3 * 0.044715) * x * x);
        return C(0.5) * (C(1) + t) + (rest == C(0) ? C(0) : C(0.5) * x * rest * inner);
    }
};

template <class C> __device__ C logistic(C x) {
    const C e = exp(x < C(0) ? x : -x);
    return x < C(0) ? e / (C(1) + e) : C(1) / (C(1) + e);
}

struct Silu {
    template <class C> static __device__ C value(C x, double, double) {
        return x * logistic(x);
    }
    template <class C> static __device__ C slope(C x, double, double) {
        const C s = logistic(x), rest = s * logistic(-x);
        return s + (rest == C(0) ? C(0) : x * rest);
    }
};

// log(1 + exp(beta x)) / beta, and x itself from the threshold on.
struct Softplus {
    template <class C> static __device__ C value(C x, double beta, double threshold) {
        const C scaled = x * (C)beta;
        if (scaled > (C)threshold) return x;
        return (scaled > C(0) ? scaled + log1p(exp(-scaled)) : log1p(exp(scaled))) / (C)beta;
    }
    template <class C> static __device__ C slope(C x, double beta, double threshold) {
        const C scaled = x * (C)beta;
        return scaled > (C)threshold ? C(1) : logistic(scaled);
    }
};

struct Mish {
    template <class C> static __device__ C softplus(C x) {
        return x > C(0) ? x + log1p(exp(-x)) : log1p(exp(x));
    }
    template <class C> static __device__ C value(C x, double, double) {
        return x * tanh(softplus(x));
    }
    template <class C> static __device__ C slope(C x, double, double) {
        const C t = tanh(softplus(x)), rest = (C(1) - t * t) * logistic(x);
        return t + (rest == C(0) ? C(0) : x * rest);
    }
};
