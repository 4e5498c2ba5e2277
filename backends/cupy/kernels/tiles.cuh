// A block of 256 threads multiplies two tiles of SIDE rows that lie in shared memory, DEPTH terms at a time. 16-bit
// tiles are multiplied by tensor cores, others by registers, eight (or four) rows by as many columns a thread.
#include "mma.cuh"

const int BLOCK = 256;

template <class T, bool LARGE> struct Tile {
    static const bool HALF = sizeof(T) == 2;
    static const int SIDE = LARGE ? 128 : 64, DEPTH = HALF ? 32 : LARGE ? 8 : 16, EACH = SIDE / 16;
    // What each thread brings of a tile.
    static const int LOADS = SIDE * DEPTH / BLOCK;
    // How many blocks' registers a multiprocessor should hold.
    static const int RESIDENT = LARGE && sizeof(T) == 8 ? 1 : 2;
};

// Which element of a tile is the i-th that a thread brings: its neighbours' lie along the rows, or ACROSS them.
template <class T, bool LARGE, bool ACROSS> struct Brought {
    typedef Tile<T, LARGE> S;
    static __device__ int row(int i) {
        return ACROSS ? threadIdx.x % S::SIDE : threadIdx.x / S::DEPTH + i * (BLOCK / S::DEPTH);
    }
    static __device__ int term(int i) {
        return ACROSS ? threadIdx.x / S::SIDE + i * (BLOCK / S::SIDE) : threadIdx.x % S::DEPTH;
    }
};

// Rows are padded so that what a warp reads or writes at once lies in different banks.
template <class T, bool LARGE, bool ACROSS, bool HALF = sizeof(T) == 2> struct __align__(16) Operand {
    typedef typename Computed<T>::type C;
    C at[Tile<T, LARGE>::DEPTH][Tile<T, LARGE>::SIDE + 4];
    __device__ void put(int row, int term, T value) { at[term][row] = (C)value; }
};

template <class T, bool LARGE> struct __align__(16) Operand<T, LARGE, true, true> {
    T at[Tile<T, LARGE>::DEPTH][Tile<T, LARGE>::SIDE + 8];
    __device__ void put(int row, int term, T value) { at[term][row] = value; }
    // Four matrices: row and term of the one that the lane's address belongs to.
    __device__ void load(unsigned (&to)[4], int row, int term) const {
        load_transposed(to, &at[term + threadIdx.x % 8][row]);
    }
};

template <class T, bool LARGE> struct __align__(16) Operand<T, LARGE, false, true> {
    T at[Tile<T, LARGE>::SIDE][Tile<T, LARGE>::DEPTH + 8];
    __device__ void put(int row, int term, T value) { at[row][term] = value; }
    __device__ void load(unsigned (&to)[4], int row, int term) const {
        load_matrices(to, &at[row + threadIdx.x % 8][term]);
    }
};

// The sums of products of left rows and right rows (the result's columns) that a thread holds. Neighbouring threads
// hold neighbouring rows, or columns if `BY_COLUMN`: what lies side by side in the result's memory.
template <class T, bool LARGE, bool BY_COLUMN, bool HALF = sizeof(T) == 2> struct Sums {
    typedef typename Computed<T>::type C;
    static const int DEPTH = Tile<T, LARGE>::DEPTH, EACH = Tile<T, LARGE>::EACH, COUNT = EACH * EACH;
    C values[EACH][EACH];

    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < COUNT; i++) values[i / EACH][i % EACH] = 0;
    }

    static __device__ int near(int i) { return threadIdx.x % 16 * 2 + i % 2 + i / 2 * 32; }
    static __device__ int far(int i) { return threadIdx.x / 16 * 4 + i % 4 + i / 4 * 64; }
    static __device__ int row(int i) { return BY_COLUMN ? far(i % EACH) : near(i / EACH); }
    static __device__ int column(int i) { return BY_COLUMN ? near(i / EACH) : far(i % EACH); }
    __device__ C value(int i) const { return values[i / EACH][i % EACH]; }

    template <class Left, class Right> __device__ void add(const Left& left, const Right& right) {
#pragma unroll
        for (int k = 0; k < DEPTH; k++) {
            C a[EACH], b[EACH];
#pragma unroll
            for (int i = 0; i < EACH; i++) {
                a[i] = BY_COLUMN ? right.at[k][near(i)] : left.at[k][near(i)];
                b[i] = BY_COLUMN ? left.at[k][far(i)] : right.at[k][far(i)];
            }
#pragma unroll
            for (int i = 0; i < COUNT; i++) values[i / EACH][i % EACH] += a[i / EACH] * b[i % EACH];
        }
    }
};

// Eight warps, two down by four across.
template <class T, bool LARGE, bool BY_COLUMN> struct Sums<T, LARGE, BY_COLUMN, true> {
    typedef float C;
    static const int DOWN = LARGE ? 4 : 2, ACROSS = LARGE ? 4 : 2, COUNT = DOWN * ACROSS * 4;
    float values[DOWN][ACROSS][4];

    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < COUNT; i++) values[i / 4 / ACROSS][i / 4 % ACROSS][i % 4] = 0;
    }

    static __device__ int first_row() { return threadIdx.x / 32 % 2 * (DOWN * 16); }
    static __device__ int first_column() { return threadIdx.x / 64 * (ACROSS * 8); }
    static __device__ int row(int i) {
        return first_row() + i / 4 / ACROSS * 16 + threadIdx.x % 32 / 4 + i % 4 / 2 * 8;
    }
    static __device__ int column(int i) {
        return first_column() + i / 4 % ACROSS * 8 + threadIdx.x % 4 * 2 + i % 2;
    }
    __device__ float value(int i) const { return values[i / 4 / ACROSS][i / 4 % ACROSS][i % 4]; }

    template <class Left, class Right> __device__ void add(const Left& left, const Right& right) {
        const int matrix = threadIdx.x % 32 / 8, low = matrix % 2 * 8, high = matrix / 2 * 8;
#pragma unroll
        for (int k = 0; k < Tile<T, LARGE>::DEPTH; k += 16) {
            unsigned b[ACROSS / 2][4];
#pragma unroll
            for (int j = 0; j < ACROSS / 2; j++) right.load(b[j], first_column() + j * 16 + high, k + low);
#pragma unroll
            for (int i = 0; i < DOWN; i++) {
                unsigned a[4];
                left.load(a, first_row() + i * 16 + low, k + high);
#pragma unroll
                for (int j = 0; j < ACROSS; j++) product<T>(values[i][j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
            }
        }
    }
};

// Put what a thread has brought of two tiles where all threads read it.
template <class One, class Two, class Left, class Right, class T, int LOADS>
__device__ __forceinline__ void put_both(Left& left, Right& right, const T (&one)[LOADS], const T (&two)[LOADS]) {
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
        left.put(One::row(i), One::term(i), one[i]);
        right.put(Two::row(i), Two::term(i), two[i]);
    }
}

// The sums over `count` tiles. Each has two places in turn: while one is multiplied, threads `fetch` the next and `put` it
// into the other, and some of them `tell` where the one after that is read.
template <class Total, class Left, class Right, class Tell, class Fetch, class Put>
__device__ __forceinline__ void add_tiles(
    Total& total, const Left (&left)[2], const Right (&right)[2], int count, Tell tell, Fetch fetch, Put put) {
    total.clear();
    tell(0);
    __syncthreads();
    fetch(0);
    tell(1);
    put(0);
    __syncthreads();
#pragma unroll 1
    for (int tile = 0; tile < count; tile++) {
        const int now = tile & 1, then = 1 - now;
        if (tile + 1 < count) fetch(then);
        total.add(left[now], right[now]);
        if (tile + 1 < count) put(then);
        tell(now);
        __syncthreads();
    }
}
