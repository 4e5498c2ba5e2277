// CUDA's language on the host: a block's threads are fibres that take turns at barriers, one block after the other.
#pragma once
#define CANDELABRA_ON_HOST
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __restrict__
#define __align__(n) __attribute__((aligned(n)))

using std::acos;
using std::acosh;
using std::asin;
using std::asinh;
using std::atan;
using std::atan2;
using std::atanh;
using std::ceil;
using std::copysign;
using std::cos;
using std::cosh;
using std::erf;
using std::erfc;
using std::exp;
using std::exp2;
using std::expm1;
using std::fabs;
using std::floor;
using std::fma;
using std::hypot;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::lgamma;
using std::log;
using std::log10;
using std::log1p;
using std::log2;
using std::nextafter;
using std::pow;
using std::rint;
using std::signbit;
using std::sin;
using std::sinh;
using std::sqrt;
using std::tan;
using std::tanh;
using std::trunc;

struct dim3 {
    unsigned x, y, z;
};

struct alignas(16) int4 {
    int x, y, z, w;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

struct alignas(8) float2 {
    float x, y;
};

struct alignas(16) float4 {
    float x, y, z, w;
};

inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline double __longlong_as_double(long long bits) {
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
}

inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dadd_rn(double a, double b) { return a + b; }

inline uint64_t __umul64hi(uint64_t a, uint64_t b) { return (uint64_t)(((unsigned __int128)a * b) >> 64); }

// 16-bit floats: what the card's headers do, by way of float.
struct __half {
    _Float16 value;
    __half() = default;
    explicit __half(float from) : value((_Float16)from) {}
    explicit __half(double from) : value((_Float16)from) {}
    operator float() const { return (float)value; }
};

struct __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    explicit __nv_bfloat16(float from) {
        uint32_t wide;
        std::memcpy(&wide, &from, 4);
        // Half to even; a NaN stays one.
        bits = from != from ? 0x7fc0 : (uint16_t)((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
    }
    explicit __nv_bfloat16(double from) : __nv_bfloat16((float)from) {}
    operator float() const {
        const uint32_t wide = (uint32_t)bits << 16;
        float value;
        std::memcpy(&value, &wide, 4);
        return value;
    }
};

namespace stand_in {

enum State { READY, AT_BLOCK, AT_WARP, DONE };

// A copy that a thread has begun; without a source it brings zeros.
struct Copy {
    void* to;
    const void* from;
    size_t bytes;
};

struct Fibre {
    ucontext_t context;
    State state;
    dim3 index;
    std::vector<std::vector<Copy>> groups;
};

// Four operands of eight bytes a lane.
const size_t SHARE = 4;

const size_t STACK = 64 * 1024;
inline ucontext_t scheduler;
inline std::vector<Fibre> fibres;
inline std::vector<char> stacks;
inline Fibre* current;
inline std::vector<std::vector<uint64_t>> exchange;
inline void (*body)(void*);
inline void* closure;

inline void enter() {
    body(closure);
    current->state = DONE;
}

inline void wait(State state) {
    current->state = state;
    swapcontext(&current->context, &scheduler);
}

inline unsigned number() {
    return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}

inline void require(bool held, const char* text) {
    if (held) return;
    std::fprintf(stderr, "stand-in: %s\n", text);
    std::abort();
}

// What a launch gives each block beside what its kernel declares. It is filled anew with what no result should have.
const size_t MOST_ROOM = 227 * 1024;
alignas(1024) inline unsigned char given[MOST_ROOM];
inline unsigned given_bytes;

inline unsigned char* room(size_t bytes) {
    require(bytes == given_bytes, "a kernel is given more room than it uses, or less");
    return given;
}

// Let those go on who all wait for each other.
inline bool release() {
    bool some = false, block = true;
    for (const Fibre& f : fibres) block = block && (f.state == AT_BLOCK || f.state == DONE);
    for (size_t first = 0; first < fibres.size(); first += 32) {
        const size_t last = std::min(first + 32, fibres.size());
        bool warp = true;
        for (size_t i = first; i < last; i++) warp = warp && (fibres[i].state == AT_WARP || fibres[i].state == DONE);
        for (size_t i = first; i < last; i++) {
            const State state = fibres[i].state;
            if ((warp && state == AT_WARP) || (block && state == AT_BLOCK)) {
                fibres[i].state = READY;
                some = true;
            }
        }
    }
    return some;
}

inline int run_block() {
    std::memset(given, 0xff, given_bytes);
    const size_t n = blockDim.x * blockDim.y * blockDim.z;
    fibres.resize(n);
    if (stacks.size() < n * STACK) stacks.resize(n * STACK);
    exchange.assign((n + 31) / 32, std::vector<uint64_t>(32 * SHARE));
    for (size_t i = 0; i < n; i++) {
        Fibre& f = fibres[i];
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = stacks.data() + i * STACK;
        f.context.uc_stack.ss_size = STACK;
        f.context.uc_link = &scheduler;
        f.state = READY;
        f.groups.assign(1, {});
        f.index = {(unsigned)(i % blockDim.x), (unsigned)(i / blockDim.x % blockDim.y),
                   (unsigned)(i / blockDim.x / blockDim.y)};
        makecontext(&f.context, enter, 0);
    }
    for (;;) {
        size_t done = 0;
        for (Fibre& f : fibres) {
            if (f.state == READY) {
                current = &f;
                threadIdx = f.index;
                swapcontext(&scheduler, &f.context);
            }
            done += f.state == DONE;
        }
        if (done == n) return 0;
        // Some wait at the block's barrier and some at their warp's: on a card they would wait for ever.
        if (!release()) return 1;
    }
}

template <class Call> int launch(dim3 grid, dim3 block, Call call) {
    gridDim = grid;
    blockDim = block;
    closure = &call;
    body = [](void* c) { (*(Call*)c)(); };
    for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
                if (run_block()) return 1;
    return 0;
}

// The arguments come as the driver takes them: one pointer to each.
template <class... A, size_t... I>
int call(void (*kernel)(A...), dim3 grid, dim3 block, void** arguments, std::index_sequence<I...>) {
    return launch(grid, block, [=] { kernel(*(std::remove_reference_t<A>*)arguments[I]...); });
}

template <class... A> int start(void (*kernel)(A...), const unsigned* sizes, void** arguments) {
    given_bytes = sizes[6];
    return call(kernel, {sizes[0], sizes[1], sizes[2]}, {sizes[3], sizes[4], sizes[5]}, arguments,
                std::index_sequence_for<A...>());
}

template <class V> V shuffle(V value, unsigned from) {
    static_assert(sizeof(V) <= 8, "a warp exchanges up to eight bytes");
    std::vector<uint64_t>& slots = exchange[number() / 32];
    std::memcpy(&slots[number() % 32], &value, sizeof(V));
    wait(AT_WARP);
    if (from < 32) std::memcpy(&value, &slots[from], sizeof(V));
    wait(AT_WARP);
    return value;
}

// Let `use` see, by lane, what all lanes of the warp hold.
template <class V, class Use> void together(const V& value, Use use) {
    static_assert(sizeof(V) % 8 == 0 && sizeof(V) <= 8 * SHARE, "more than a warp exchanges");
    std::vector<uint64_t>& slots = exchange[number() / 32];
    std::memcpy((char*)slots.data() + number() % 32 * sizeof(V), &value, sizeof(V));
    wait(AT_WARP);
    use((int)(number() % 32), (const V*)slots.data());
    wait(AT_WARP);
}

inline void make(const Copy& copy) {
    if (copy.from) std::memcpy(copy.to, copy.from, copy.bytes);
    else std::memset(copy.to, 0, copy.bytes);
}

// Copies are made when somebody waits for them, no earlier; in every second block at once, no later.
inline void later(void* to, const void* from, size_t bytes) {
    if (blockIdx.x % 2) make({to, from, bytes});
    else current->groups.back().push_back({to, from, bytes});
}

inline void commit() { current->groups.emplace_back(); }

inline void arrive(size_t left) {
    std::vector<std::vector<Copy>>& groups = current->groups;
    while (groups.size() > left + 1) {
        for (const Copy& copy : groups.front()) make(copy);
        groups.erase(groups.begin());
    }
}

}  // namespace stand_in

inline void __syncthreads() { stand_in::wait(stand_in::AT_BLOCK); }
inline void __syncwarp(unsigned = 0xffffffffu) { stand_in::wait(stand_in::AT_WARP); }

template <class V> V __shfl_xor_sync(unsigned, V value, int lanes) {
    return stand_in::shuffle(value, (stand_in::number() % 32) ^ lanes);
}

template <class V> V __shfl_down_sync(unsigned, V value, unsigned lanes) {
    return stand_in::shuffle(value, stand_in::number() % 32 + lanes);
}

template <class V> V __shfl_sync(unsigned, V value, int lane) { return stand_in::shuffle(value, lane); }

template <class V> V atomicAdd(V* place, V value) {
    const V old = *place;
    *place = V(old + value);
    return old;
}

template <class V> V atomicOr(V* place, V value) {
    const V old = *place;
    *place = V(old | value);
    return old;
}

template <class V> V atomicCAS(V* place, V expected, V value) {
    const V old = *place;
    if (old == expected) *place = value;
    return old;
}

template <class V> V atomicMax(V* place, V value) {
    const V old = *place;
    if (value > old) *place = value;
    return old;
}
