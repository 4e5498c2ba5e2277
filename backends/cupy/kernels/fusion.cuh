// Scalar functions for generated kernels, as NumPy defines them. 16-bit floats come as float.
typedef long long int64;
typedef unsigned long long uint64;

// Some elements that lie side by side, read and written at once.
template <class T, int N> struct alignas(sizeof(T) * N) Pack { T at[N]; };

template <class T> struct Kind { static const int value = 1; };
template <> struct Kind<bool> { static const int value = 0; };
template <> struct Kind<float> { static const int value = 2; };
template <> struct Kind<double> { static const int value = 2; };

#define ONE(name, expression) \
    template <class T> __device__ inline T name(T a) { return expression; }
#define TWO(name, expression) \
    template <class T> __device__ inline T name(T a, T b) { return expression; }

// Integers wrap around; sums and products of truth values are "or" and "and".
template <class T> __device__ inline T op_add(T a, T b) {
    if constexpr (Kind<T>::value == 0) return a || b;
    else if constexpr (Kind<T>::value == 1) return (T)((uint64)a + (uint64)b);
    else return a + b;
}
template <class T> __device__ inline T op_subtract(T a, T b) {
    if constexpr (Kind<T>::value == 2) return a - b;
    else return (T)((uint64)a - (uint64)b);
}
template <class T> __device__ inline T op_multiply(T a, T b) {
    if constexpr (Kind<T>::value == 0) return a && b;
    else if constexpr (Kind<T>::value == 1) return (T)((uint64)a * (uint64)b);
    else return a * b;
}
template <class T> __device__ inline T op_negative(T a) {
    if constexpr (Kind<T>::value == 2) return -a;
    else return (T)(0 - (uint64)a);
}
template <class T> __device__ inline T op_abs(T a) {
    if constexpr (Kind<T>::value == 2) return fabs(a);
    else return a < T(0) ? op_negative(a) : a;
}
// By zero it is zero.
template <class T> __device__ inline T op_floor_divide(T a, T b) {
    if (b == T(0)) return T(0);
    if constexpr (T(-1) < T(0)) {
        if (b == T(-1)) return op_negative(a);
    }
    const T q = a / b;
    return (T)(q - (((a < T(0)) != (b < T(0))) && q * b != a));
}
template <class T> __device__ inline T op_remainder(T a, T b) {
    return b == T(0) ? T(0) : op_subtract(a, op_multiply(op_floor_divide(a, b), b));
}
template <class T> __device__ inline T op_left_shift(T a, T b) {
    return (uint64)b < 8 * sizeof(T) ? (T)((uint64)a << (uint64)b) : T(0);
}
template <class T> __device__ inline T op_right_shift(T a, T b) {
    return (uint64)b < 8 * sizeof(T) ? (T)(a >> b) : a < T(0) ? T(-1) : T(0);
}
// Negative powers of integers are those of 1 and -1, and zero of all others.
template <class T> __device__ inline T op_pow(T a, T b) {
    if constexpr (Kind<T>::value == 2) {
        return pow(a, b);
    } else {
        if (b < T(0)) return a == T(1) ? T(1) : a == T(-1) ? (b & T(1) ? T(-1) : T(1)) : T(0);
        uint64 base = (uint64)a, result = 1;
        for (uint64 rest = (uint64)b; rest; rest >>= 1) {
            if (rest & 1) result *= base;
            base *= base;
        }
        return (T)result;
    }
}
TWO(op_divide, a / b)
TWO(op_maximum, a > b || a != a ? a : b)
TWO(op_minimum, a < b || a != a ? a : b)
TWO(op_bitwise_and, (T)(a & b))
TWO(op_bitwise_or, (T)(a | b))
TWO(op_bitwise_xor, (T)(a ^ b))
template <class T> __device__ inline T op_bitwise_invert(T a) {
    if constexpr (Kind<T>::value == 0) return !a;
    else return (T)~a;
}
template <class T> __device__ inline T op_sign(T a) {
    return a > T(0) ? T(1) : a < T(0) ? T(-1) : a == T(0) ? T(0) : a;
}
// What rounds leaves integers as they are.
#define ROUNDING(name, expression) \
    template <class T> __device__ inline T name(T a) { \
        if constexpr (Kind<T>::value == 2) return expression; \
        else return a; \
    }
ROUNDING(op_floor, floor(a))
ROUNDING(op_ceil, ceil(a))
ROUNDING(op_trunc, trunc(a))
ROUNDING(op_round, rint(a))

ONE(op_square, op_multiply(a, a))
ONE(op_reciprocal, T(1) / a)
ONE(op_sqrt, sqrt(a))
ONE(op_exp, exp(a))
ONE(op_expm1, expm1(a))
ONE(op_exp2, exp2(a))
ONE(op_log, log(a))
ONE(op_log1p, log1p(a))
ONE(op_log2, log2(a))
ONE(op_log10, log10(a))
ONE(op_sin, sin(a))
ONE(op_cos, cos(a))
ONE(op_tan, tan(a))
ONE(op_asin, asin(a))
ONE(op_acos, acos(a))
ONE(op_atan, atan(a))
ONE(op_sinh, sinh(a))
ONE(op_cosh, cosh(a))
ONE(op_tanh, tanh(a))
ONE(op_asinh, asinh(a))
ONE(op_acosh, acosh(a))
ONE(op_atanh, atanh(a))
ONE(op_erf, erf(a))
ONE(op_erfc, erfc(a))
TWO(op_atan2, atan2(a, b))
TWO(op_hypot, hypot(a, b))
TWO(op_copysign, copysign(a, b))
TWO(op_nextafter, nextafter(a, b))
template <class T> __device__ inline T op_sigmoid(T a) {
    const T e = exp(-fabs(a));
    return a < T(0) ? e / (T(1) + e) : T(1) / (T(1) + e);
}
template <class T> __device__ inline T op_logaddexp(T a, T b) {
    if (a == b) return a + T(0.693147180559945309417232121458);
    const T d = a - b;
    return d > T(0) ? a + log1p(exp(-d)) : d <= T(0) ? b + log1p(exp(d)) : d;
}
template <class T> __device__ inline bool op_isnan(T a) { return a != a; }
template <class T> __device__ inline bool op_isinf(T a) {
    if constexpr (Kind<T>::value == 2) return isinf(a);
    else return false;
}
template <class T> __device__ inline bool op_isfinite(T a) {
    if constexpr (Kind<T>::value == 2) return isfinite(a);
    else return true;
}
template <class T> __device__ inline bool op_signbit(T a) {
    if constexpr (Kind<T>::value == 2) return signbit(a);
    else return a < T(0);
}
template <class T> __device__ inline bool op_equal(T a, T b) { return a == b; }
template <class T> __device__ inline bool op_not_equal(T a, T b) { return a != b; }
template <class T> __device__ inline bool op_less(T a, T b) { return a < b; }
template <class T> __device__ inline bool op_less_equal(T a, T b) { return a <= b; }
template <class T> __device__ inline bool op_greater(T a, T b) { return a > b; }
template <class T> __device__ inline bool op_greater_equal(T a, T b) { return a >= b; }

// A 16-bit float's value: what a cast to its dtype leaves of a number.
template <class H, class T> __device__ inline float narrowed(T a) {
    if constexpr (Kind<T>::value == 2) return (float)(H)a;
    else return (float)(H)(float)a;
}
