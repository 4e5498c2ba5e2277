// Steps of optimizers over many parameters in one launch: a block takes CHUNK elements of one parameter.

#include "parameters.cuh"

// The gradient to go against, an L2 penalty added.
template <class C> __device__ C direction(C p, C g, C decay, bool maximize) {
    if (maximize) g = -g;
    return decay != 0 ? g + decay * p : g;
}

// A decay apart from the gradient leaves a parameter's `left` share. `first` holds lr / (1 - beta1^step), `second` the
// root of 1 - beta2^step.
template <class T, bool AMSGRAD>
__global__ void adam(Parameters all, double beta1, double beta2, double eps, double decay, double left,
                     bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C scale = (C)all.first[at.i], root = (C)all.second[at.i], small = (C)eps, l2 = (C)decay, fewer = (C)left;
    const C keep = (C)beta1, take = (C)(1 - beta1), keep_square = (C)beta2, take_square = (C)(1 - beta2);
    every<AMSGRAD ? 5 : 4, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[0] *= fewer;
        x[2] = keep * x[2] + take * g;
        x[3] = keep_square * x[3] + take_square * g * g;
        C top = x[3];
        if (AMSGRAD) top = x[AMSGRAD ? 4 : 3] = greater(x[AMSGRAD ? 4 : 3], top);
        x[0] -= scale * x[2] / (sqrt(top) / root + small);
    });
}

// `first` is not 0 where the momentum's buffer starts as the gradient.
template <class T, bool MOMENTUM>
__global__ void sgd(Parameters all, double lr, double momentum, double dampening, double decay, bool nesterov,
                    bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const bool starts = all.first[at.i] != 0;
    const C rate = (C)lr, keep = (C)momentum, take = (C)(1 - dampening), l2 = (C)decay;
    every<MOMENTUM ? 3 : 2, T>(all, at, [=](C* x) {
        C g = direction(x[0], x[1], l2, maximize);
        if (MOMENTUM) {
            C& buffer = x[MOMENTUM ? 2 : 1];
            buffer = starts ? g : keep * buffer + take * g;
            g = nesterov ? g + keep * buffer : buffer;
        }
        x[0] -= rate * g;
    });
}

template <class T, bool MOMENTUM, bool CENTERED>
__global__ void rmsprop(Parameters all, double lr, double rho, double eps, double decay, double momentum,
                        bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C rate = (C)lr, keep = (C)rho, take = (C)(1 - rho), small = (C)eps, l2 = (C)decay, push = (C)momentum;
    const int mean = MOMENTUM && CENTERED ? 4 : 3;
    every<3 + MOMENTUM + CENTERED, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[2] = keep * x[2] + take * g * g;
        C spread = x[2];
        if (CENTERED) {
            C& middle = x[CENTERED ? mean : 2];
            middle = keep * middle + take * g;
            spread -= middle * middle;
        }
        C move = g / (sqrt(spread) + small);
        if (MOMENTUM) {
            C& buffer = x[MOMENTUM ? 3 : 2];
            move = buffer = push * buffer + move;
        }
        x[0] -= rate * move;
    });
}

// `first` holds the learning rate of each parameter.
template <class T> __global__ void adagrad(Parameters all, double eps, double decay, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C rate = (C)all.first[at.i], small = (C)eps, l2 = (C)decay;
    every<3, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[2] += g * g;
        x[0] -= rate * (g / (sqrt(x[2]) + small));
    });
}

template <class T>
__global__ void adadelta(Parameters all, double lr, double rho, double eps, double decay, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C rate = (C)lr, keep = (C)rho, take = (C)(1 - rho), small = (C)eps, l2 = (C)decay;
    every<4, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[2] = keep * x[2] + take * g * g;
        const C delta = sqrt(x[3] + small) / sqrt(x[2] + small) * g;
        x[0] -= rate * delta;
        x[3] = keep * x[3] + take * delta * delta;
    });
}

// `first` holds lr / (1 - beta1^step).
template <class T>
__global__ void adamax(Parameters all, double beta1, double beta2, double eps, double decay, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C rate = (C)all.first[at.i], small = (C)eps, l2 = (C)decay;
    const C keep = (C)beta1, take = (C)(1 - beta1), keep_top = (C)beta2;
    every<4, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[2] = keep * x[2] + take * g;
        x[3] = greater(keep_top * x[3], (C)fabs(g) + small);
        x[0] -= rate * (x[2] / x[3]);
    });
}

// `first` and `second` hold the rates of the gradient and of its mean, `third` 1 - beta2^step.
template <class T>
__global__ void nadam(Parameters all, double beta1, double beta2, double eps, double decay, double left,
                      bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C now = (C)all.first[at.i], after = (C)all.second[at.i], scale = (C)all.third[at.i];
    const C small = (C)eps, l2 = (C)decay, fewer = (C)left;
    const C keep = (C)beta1, take = (C)(1 - beta1), keep_square = (C)beta2, take_square = (C)(1 - beta2);
    every<4, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[0] *= fewer;
        x[2] = keep * x[2] + take * g;
        x[3] = keep_square * x[3] + take_square * g * g;
        const C root = sqrt(x[3] / scale) + small;
        x[0] = x[0] - now * (g / root) - after * (x[2] / root);
    });
}

// `first` holds the rate; where `third` is not 0 the step is rectified, and `second` its rate.
template <class T>
__global__ void radam(Parameters all, double beta1, double beta2, double eps, double decay, double left,
                      bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const bool rectified = all.third[at.i] != 0;
    const C rate = (C)(rectified ? all.second[at.i] : all.first[at.i]);
    const C small = (C)eps, l2 = (C)decay, fewer = (C)left;
    const C keep = (C)beta1, take = (C)(1 - beta1), keep_square = (C)beta2, take_square = (C)(1 - beta2);
    every<4, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[0] *= fewer;
        x[2] = keep * x[2] + take * g;
        x[3] = keep_square * x[3] + take_square * g * g;
        x[0] -= rate * (rectified ? x[2] / (sqrt(x[3]) + small) : x[2]);
    });
}

// `first` holds the rate of each parameter, `second` by how much its average moves, 1 where it starts.
template <class T> __global__ void asgd(Parameters all, double lambd, double decay, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C rate = (C)all.first[at.i], share = (C)all.second[at.i], l2 = (C)decay;
    const C left = (C)(1 - lambd * all.first[at.i]);
    every<3, T>(all, at, [=](C* x) {
        const C g = direction(x[0], x[1], l2, maximize);
        x[0] = x[0] * left - rate * g;
        x[2] = share == 1 ? x[0] : x[2] + share * (x[0] - x[2]);
    });
}

template <class T>
__global__ void rprop(Parameters all, double shrink, double grow, double smallest, double largest, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C less = (C)shrink, more = (C)grow, low = (C)smallest, high = (C)largest;
    every<4, T>(all, at, [=](C* x) {
        C g = maximize ? -x[1] : x[1], size = x[3];
        const C sign = g * x[2];
        size = sign > 0 ? size * more : sign < 0 ? size * less : sign == 0 ? size : sign;
        size = size < low ? low : size;
        size = size > high ? high : size;
        if (sign < 0) g = 0;
        x[0] -= g > 0 ? size : g < 0 ? -size : g * size;
        x[2] = g;
        x[3] = size;
    });
}

// averages += share (values - averages)
template <class T> __global__ void average(Parameters all, double share) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const C part = (C)share;
    every<2, T>(all, at, [=](C* x) { x[0] += part * (x[1] - x[0]); });
}

// Copies bytes; `sizes` counts them.
__global__ void copied(Parameters all) {
    const Place at = place_of_block(all);
    const char* from = (const char*)all.from[1][at.i];
    char* to = (char*)all.to[0][at.i];
    const int64 rest = ((uint64)from | (uint64)to) % 16 ? at.start : at.stop - (at.stop - at.start) % 16;
    for (int64 i = at.start + threadIdx.x * 16; i < rest; i += blockDim.x * 16)
        *(Sixteen*)(to + i) = *(const Sixteen*)(from + i);
    for (int64 i = rest + threadIdx.x; i < at.stop; i += blockDim.x) to[i] = from[i];
}
