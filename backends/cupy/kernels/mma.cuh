// Products of tensor cores, matrices from shared memory and copies that nothing waits for, each a function with a plain
// twin for the host. All lanes of a warp call them together, and each holds a part, by PTX's own layouts; g = lane / 4
// and t = lane % 4 of
//   d, 16 x 8:      d[0], d[1] row g, columns 2t, 2t + 1;  d[2], d[3] the same of row g + 8
//   a, 16 x 16:     a[0] row g, columns 2t, 2t + 1;  a[1] row g + 8;  a[2], a[3] as these, eight columns on
//   b, 16 x 8:      b0 rows 2t, 2t + 1 of column g;  b1 rows 2t + 8, 2t + 9
//   of TF32, a 16 x 8: a[0] row g, column t;  a[1] row g + 8;  a[2], a[3] as these, four columns on
//                      b 8 x 8: b0 row t, b1 row t + 4 of column g
// Two 16-bit elements share a register, the first in its lower half. So two neighbouring d, packed, are an a:
// pack(d[0], d[1]), pack(d[2], d[3]) of the left, then of the right one.

#ifndef CANDELABRA_ON_HOST

// An address in shared memory, to reckon with.
typedef unsigned Place;

__device__ inline Place place_of(const void* at) { return (Place)__cvta_generic_to_shared(at); }

// d += a b, in float32. What is volatile stays where all lanes come together.
template <class H> __device__ void product(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);

template <>
__device__ inline void product<__half>(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ inline void product<__nv_bfloat16>(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d += a b of TF32 operands, a 16 x 8 and b 8 x 8.
__device__ inline void product_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <> __device__ inline void product<float>(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    product_tf32(d, a, b0, b1);
}

// A float's bits, rounded to TF32's ten bits of mantissa.
__device__ inline unsigned tf32(float value) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

// Two floats as two 16-bit ones in a register.
template <class H> __device__ unsigned pack(float first, float second);

template <> __device__ inline unsigned pack<__half>(float first, float second) {
    unsigned both;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
    return both;
}

template <> __device__ inline unsigned pack<__nv_bfloat16>(float first, float second) {
    unsigned both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
    return both;
}

// Four matrices of 8 x 8 16-bit elements from shared memory: lane i tells where row i % 8 of matrix i / 8 begins, which
// is a multiple of 16 bytes. Of matrix j, to[j] holds columns 2t, 2t + 1 of row g.
__device__ inline void load_matrices(unsigned (&to)[4], Place row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(row) : "memory");
}

// The same of the transposed matrices: to[j] holds rows 2t, 2t + 1 of column g.
__device__ inline void load_transposed(unsigned (&to)[4], Place row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(row) : "memory");
}

// 32 bits of shared memory.
__device__ inline unsigned load_word(Place at) {
    unsigned word;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(at) : "memory");
    return word;
}

// What the launch has given a block beside what its kernel declares, `bytes` of it.
extern __shared__ __align__(1024) unsigned char given_room[];

__device__ inline unsigned char* room(int bytes) { return given_room; }

// Whether a card adds four numbers at once.
#if __CUDA_ARCH__ >= 900 && __CUDACC_VER_MAJOR__ * 100 + __CUDACC_VER_MINOR__ >= 1201
__device__ inline bool adds_by_four() { return true; }

__device__ inline void add_four(float* to, float a, float b, float c, float d) {
    asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};"
                 :: "l"(__cvta_generic_to_global(to)), "f"(a), "f"(b), "f"(c), "f"(d) : "memory");
}
#else
__device__ inline bool adds_by_four() { return false; }

__device__ inline void add_four(float* to, float a, float b, float c, float d) {}
#endif

// Begin to copy BYTES (4, 8 or 16, which both places are multiples of) to shared memory; zeros where nothing is there,
// and then `from` is not read.
template <int BYTES> __device__ void copy_async(Place to, const void* from, bool there) {
    if (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                     :: "r"(to), "l"(__cvta_generic_to_global(from)), "r"(there ? 16 : 0) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;"
                     :: "r"(to), "l"(__cvta_generic_to_global(from)), "n"(BYTES),
                        "r"(there ? BYTES : 0) : "memory");
}

// What this thread has begun to copy since the last time is a group.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Wait for this thread's groups but the latest LEFT; the other threads' are there after a barrier.
template <int LEFT> __device__ void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" :: "n"(LEFT) : "memory");
}

// 2 to the power of x, to about two units in the last place; denormal results are zero.
__device__ inline float power_of_two(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

#else

typedef uintptr_t Place;

inline Place place_of(const void* at) { return (Place)at; }

struct MatrixParts {
    unsigned a[4], b[2];
};

template <class H> float unpacked(unsigned both, int which) {
    const unsigned short bits = (unsigned short)(both >> 16 * which);
    H value;
    static_assert(sizeof(H) == 2, "a register holds two elements");
    std::memcpy(&value, &bits, 2);
    return (float)value;
}

template <class H> void product(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    stand_in::together(MatrixParts{{a[0], a[1], a[2], a[3]}, {b0, b1}}, [&](int lane, const MatrixParts* all) {
        for (int i = 0; i < 4; i++) {
            const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            float sum = 0;
            for (int k = 0; k < 16; k++) {
                const MatrixParts& left = all[row % 8 * 4 + k % 8 / 2];
                const MatrixParts& right = all[column * 4 + k % 8 / 2];
                sum += unpacked<H>(left.a[row / 8 + k / 8 * 2], k % 2) * unpacked<H>(right.b[k / 8], k % 2);
            }
            d[i] += sum;
        }
    });
}

inline unsigned tf32(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return value != value || (bits & 0x7fffffffu) == 0x7f800000u ? bits : (bits + 0x1000u) & ~0x1fffu;
}

inline void product_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    stand_in::together(MatrixParts{{a[0], a[1], a[2], a[3]}, {b0, b1}}, [&](int lane, const MatrixParts* all) {
        for (int i = 0; i < 4; i++) {
            const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            float sum = 0;
            for (int k = 0; k < 8; k++) {
                float x, y;
                std::memcpy(&x, &all[row % 8 * 4 + k % 4].a[row / 8 + k / 4 * 2], 4);
                std::memcpy(&y, &all[column * 4 + k % 4].b[k / 4], 4);
                sum += x * y;
            }
            d[i] += sum;
        }
    });
}

template <> inline void product<float>(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    product_tf32(d, a, b0, b1);
}

template <class H> unsigned pack(float first, float second) {
    const H both[2] = {H(first), H(second)};
    unsigned bits;
    std::memcpy(&bits, both, 4);
    return bits;
}

inline void load_part(unsigned (&to)[4], Place row, bool transposed) {
    stand_in::require(row % 16 == 0, "a matrix's row does not begin at a multiple of 16 bytes");
    stand_in::together((uint64_t)row, [&](int lane, const uint64_t* rows) {
        for (int j = 0; j < 4; j++) {
            unsigned short both[2];
            for (int i = 0; i < 2; i++) {
                const int line = transposed ? lane % 4 * 2 + i : lane / 4;
                const int column = transposed ? lane / 4 : lane % 4 * 2 + i;
                both[i] = ((const unsigned short*)rows[j * 8 + line])[column];
            }
            std::memcpy(&to[j], both, 4);
        }
    });
}

inline void load_matrices(unsigned (&to)[4], Place row) { load_part(to, row, false); }

inline void load_transposed(unsigned (&to)[4], Place row) { load_part(to, row, true); }

inline unsigned load_word(Place at) {
    unsigned word;
    std::memcpy(&word, (const void*)at, 4);
    return word;
}

inline unsigned char* room(int bytes) { return stand_in::room(bytes); }

// As some cards do and others do not.
inline bool adds_by_four() { return blockIdx.x % 2 == 0; }

inline void add_four(float* to, float a, float b, float c, float d) {
    stand_in::require((uintptr_t)to % 16 == 0, "four numbers are added at an odd place");
    to[0] += a, to[1] += b, to[2] += c, to[3] += d;
}

// As late as a card may: who does not wait finds what was there before.
template <int BYTES> void copy_async(Place to, const void* from, bool there) {
    stand_in::require(to % BYTES == 0 && (!there || (uintptr_t)from % BYTES == 0), "a copy's places are odd");
    stand_in::later((void*)to, there ? from : nullptr, BYTES);
}

inline void commit_copies() { stand_in::commit(); }

template <int LEFT> void wait_for_copies() { stand_in::arrive(LEFT); }

inline float power_of_two(float x) { return std::exp2(x); }

#endif

__device__ inline void load_matrices(unsigned (&to)[4], const void* row) { load_matrices(to, place_of(row)); }

__device__ inline void load_transposed(unsigned (&to)[4], const void* row) { load_transposed(to, place_of(row)); }

template <int BYTES> __device__ void copy_async(void* to, const void* from, bool there) {
    copy_async<BYTES>(place_of(to), from, there);
}

// Add what a warp holds as a d to the rows of a matrix in device memory, its first row and column at `to`: rows up to
// `rows`, and columns in eights, which begin at multiples of 16 bytes. Lanes exchange numbers first, so that those that
// are added at once lie side by side.
__device__ inline void add_atomically(float* to, int64 by_row, const float (&d)[4], int rows) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    if (adds_by_four()) {
        // Every second lane has four columns of row g, the others of row g + 8.
        const bool odd = t & 1;
        const float x = __shfl_xor_sync(0xffffffffu, odd ? d[0] : d[2], 1);
        const float y = __shfl_xor_sync(0xffffffffu, odd ? d[1] : d[3], 1);
        const int row = odd ? g + 8 : g;
        float* at = to + row * by_row + (t >> 1) * 4;
        if (row < rows) odd ? add_four(at, x, y, d[2], d[3]) : add_four(at, d[0], d[1], x, y);
        return;
    }
    // Eight lanes have a row's eight columns.
    const bool odd = g & 1;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        const float other = __shfl_xor_sync(0xffffffffu, odd ? d[2 * h] : d[2 * h + 1], 4);
        const int row = h * 8 + (g & ~1);
        float* at = to + row * by_row + 2 * t + odd;
        if (row < rows) atomicAdd(at, odd ? other : d[2 * h]);
        if (row + 1 < rows) atomicAdd(at + by_row, odd ? d[2 * h + 1] : other);
    }
}
