// Adafactor's steps over many parameters in one launch.

#include "moved.cuh"

const int MOST = 30, TILE = 4096;

// Parameters, gradients and second moments, each first where it is read and then where it is written, and room to work
// in. Matrices are cut into tiles of `whole` matrices, or of `tall` rows and `wide` columns of one, one to a block, of
// which there are `tiles`. A vector has its variance in the place of its rows' factors. It is a kernel's argument.
struct Matrices {
    uint64 params[MOST], grads[MOST], rows[MOST], columns[MOST], to_params[MOST], to_rows[MOST], to_columns[MOST];
    uint64 room[MOST];
    int64 count[MOST], height[MOST], width[MOST];
    double keep[MOST], least[MOST], size[MOST];
    int whole[MOST], tall[MOST], wide[MOST], tiles[MOST], blocks[MOST];
    int members, pad;
};

// Which parameter a block works for, and as which of its blocks.
struct Place {
    int i;
    int64 block;
};

__device__ inline Place place_of_block(const Matrices& all) {
    int i = 0;
    while (i + 1 < all.members && (int)blockIdx.x >= all.blocks[i]) i++;
    return Place{i, (int64)blockIdx.x - (i ? all.blocks[i - 1] : 0)};
}

// Room: for each tile the sum of the parameter's squares and that of its step's, then the size of the step; for each
// matrix the mean of its rows' factors; and, where a matrix has several tiles, the sums of each row and column in each.
struct Room {
    double *squares, *steps, *size, *means, *rows, *columns;
};

__device__ inline Room room_of(const Matrices& all, int i) {
    double* start = (double*)all.room[i];
    const int64 tiles = all.tiles[i], across = (all.width[i] + all.wide[i] - 1) / all.wide[i];
    double* means = start + 2 * tiles + 1;
    double* rows = means + all.count[i];
    return Room{start, start + tiles, start + 2 * tiles, means, rows, rows + across * all.count[i] * all.height[i]};
}

// Whether each of a parameter's matrices lies in one tile.
__device__ inline bool has_whole(const Matrices& all, int i) {
    return all.tall[i] >= all.height[i] && all.wide[i] >= all.width[i];
}

// A block's tile: its first matrix, row and column, and which it is along rows and columns.
struct Tile {
    int64 matrix, row, column, down, across;
};

__device__ inline Tile tile_of(const Matrices& all, const Place& at) {
    const int64 across = (all.width[at.i] + all.wide[at.i] - 1) / all.wide[at.i];
    const int64 down = (all.height[at.i] + all.tall[at.i] - 1) / all.tall[at.i];
    const int64 x = at.block % across, y = at.block / across % down;
    return Tile{at.block / (across * down) * all.whole[at.i], y * all.tall[at.i], x * all.wide[at.i], y, x};
}

// An element of a tile: which it is in its parameter, in all rows and in all columns; -1 where there is none.
struct Element {
    int64 at, row, column, matrix;
};

__device__ inline Element element_of(const Matrices& all, int i, const Tile& tile, int k) {
    const int tall = all.tall[i], wide = all.wide[i];
    const int64 column = tile.column + k % wide, row = tile.row + k / wide % tall, matrix = tile.matrix + k / wide / tall;
    if (column >= all.width[i] || row >= all.height[i] || matrix >= all.count[i]) return Element{-1, 0, 0, 0};
    const int64 line = matrix * all.height[i] + row;
    return Element{line * all.width[i] + column, line, matrix * all.width[i] + column, matrix};
}

// Calls `put(n, sum)` for `count` sums of `length` values `get(n, k)`, several threads to a sum where there are few.
template <class C, class Get, class Put> __device__ void sums(int count, int length, const Get& get, const Put& put) {
    int lanes = 1;
    while (lanes < 32 && lanes < length && lanes * count < (int)blockDim.x) lanes *= 2;
    const int lane = threadIdx.x % lanes, each = blockDim.x / lanes;
    for (int start = 0; start < count; start += each) {
        const int n = start + threadIdx.x / lanes;
        C found = 0;
        if (n < count)
            for (int k = lane; k < length; k += lanes) found += get(n, k);
        for (int step = lanes / 2; step > 0; step /= 2) found += __shfl_xor_sync(0xffffffffu, found, step);
        if (n < count && lane == 0) put(n, found);
    }
}

template <class C, class T> __device__ T moved(const T* from, int64 i, C keep, C mean) {
    return (T)(keep * (C)from[i] + (1 - keep) * mean);
}

// The squares of each tile: of the parameter in all, of the gradient by rows and by columns.
template <class T> __global__ void adafactor_squares(Matrices all) {
    typedef typename Computed<T>::type C;
    __shared__ C squares[TILE];
    const Place at = place_of_block(all);
    const int i = at.i, tall = all.tall[i], wide = all.wide[i], whole = all.whole[i], size = whole * tall * wide;
    const Tile tile = tile_of(all, at);
    const Room room = room_of(all, i);
    const T *p = (const T*)all.params[i], *g = (const T*)all.grads[i];
    const bool entire = has_whole(all, i);
    const int64 height = all.height[i], width = all.width[i], count = all.count[i];
    const C keep = (C)all.keep[i];
    C found = 0;
    for (int k = threadIdx.x; k < size; k += blockDim.x) {
        const Element e = element_of(all, i, tile, k);
        squares[k] = e.at < 0 ? (C)0 : (C)g[e.at] * (C)g[e.at];
        if (e.at >= 0) found += (C)p[e.at] * (C)p[e.at];
    }
    __syncthreads();
    sums<C>(whole * tall, wide, [&](int n, int k) { return squares[n * wide + k]; }, [&](int n, C sum) {
        const int64 row = tile.row + n % tall, matrix = tile.matrix + n / tall, line = matrix * height + row;
        if (row >= height || matrix >= count) return;
        if (entire) ((T*)all.to_rows[i])[line] = moved((const T*)all.rows[i], line, keep, sum / (C)width);
        else room.rows[tile.across * count * height + line] = (double)sum;
    });
    sums<C>(whole * wide, tall, [&](int n, int k) { return squares[(n / wide * tall + k) * wide + n % wide]; },
            [&](int n, C sum) {
        const int64 column = tile.column + n % wide, matrix = tile.matrix + n / wide, line = matrix * width + column;
        if (column >= width || matrix >= count) return;
        if (entire) ((T*)all.to_columns[i])[line] = moved((const T*)all.columns[i], line, keep, sum / (C)height);
        else room.columns[tile.down * count * width + line] = (double)sum;
    });
    found = over_block(found, Sum(), (C)0);
    if (threadIdx.x == 0) room.squares[at.block] = (double)found;
}

// The factors of matrices that have several tiles: a thread has a row, or a column.
template <class T> __global__ void adafactor_factors(Matrices all) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const int i = at.i;
    const Room room = room_of(all, i);
    const int64 rows = all.count[i] * all.height[i], columns = all.count[i] * all.width[i];
    const int64 across = (all.width[i] + all.wide[i] - 1) / all.wide[i];
    const int64 down = (all.height[i] + all.tall[i] - 1) / all.tall[i], n = at.block * blockDim.x + threadIdx.x;
    const C keep = (C)all.keep[i];
    double sum = 0;
    if (n < rows) {
        for (int64 k = 0; k < across; k++) sum += room.rows[k * rows + n];
        ((T*)all.to_rows[i])[n] = moved((const T*)all.rows[i], n, keep, (C)(sum / (double)all.width[i]));
    } else if (n < rows + columns) {
        for (int64 k = 0; k < down; k++) sum += room.columns[k * columns + n - rows];
        ((T*)all.to_columns[i])[n - rows] =
            moved((const T*)all.columns[i], n - rows, keep, (C)(sum / (double)all.height[i]));
    }
}

// The means of rows' factors: a block has one matrix of many rows, or a thread each of several.
template <class T> __global__ void adafactor_means(Matrices all) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const int i = at.i;
    const int64 height = all.height[i];
    const T* rows = (const T*)all.to_rows[i];
    double* means = room_of(all, i).means;
    const bool many = height > 64;
    const int64 n = many ? at.block : at.block * blockDim.x + threadIdx.x;
    double sum = 0;
    if (n < all.count[i])
        for (int64 k = many ? threadIdx.x : 0; k < height; k += many ? blockDim.x : 1) sum += (C)rows[n * height + k];
    if (many) sum = over_block(sum, Sum(), 0.0);
    if (n < all.count[i] && (threadIdx.x == 0 || !many)) means[n] = sum / (double)height;
}

// An element's step before it is scaled: what it is of the gradient.
template <class C> __device__ C share(C variance, C least) {
    const C small = least * least;
    return 1 / sqrt(variance < small ? small : variance);
}

template <class T, class C> __device__ C step_of(const Matrices& all, int i, const Element& e, const double* means) {
    const C least = (C)all.least[i], mean = (C)means[e.matrix];
    const C row = (C)((const T*)all.to_rows[i])[e.row], column = (C)((const T*)all.to_columns[i])[e.column];
    return (C)((const T*)all.grads[i])[e.at] * share(row * column / (mean < least ? least : mean), least);
}

// The squares of each tile's step.
template <class T> __global__ void adafactor_steps(Matrices all) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const Tile tile = tile_of(all, at);
    const Room room = room_of(all, at.i);
    const int size = all.whole[at.i] * all.tall[at.i] * all.wide[at.i];
    C found = 0;
    for (int k = threadIdx.x; k < size; k += blockDim.x) {
        const Element e = element_of(all, at.i, tile, k);
        if (e.at < 0) continue;
        const C step = step_of<T, C>(all, at.i, e, room.means);
        found += step * step;
    }
    found = over_block(found, Sum(), (C)0);
    if (threadIdx.x == 0) room.steps[at.block] = (double)found;
}

// How far each parameter goes: a block for each.
__global__ void adafactor_sizes(Matrices all, double least, double clip) {
    const int i = blockIdx.x;
    const Room room = room_of(all, i);
    const double size = (double)all.count[i] * (double)all.height[i] * (double)all.width[i];
    double squares = 0, steps = 0;
    for (int k = threadIdx.x; k < all.tiles[i]; k += blockDim.x) {
        squares += room.squares[k];
        steps += room.steps[k];
    }
    squares = sqrt(over_block(squares, Sum(), 0.0) / size);
    steps = sqrt(over_block(steps, Sum(), 0.0) / size) / clip;
    if (threadIdx.x == 0)
        *room.size = (squares < least ? least : squares) * all.size[i] / (steps < 1 ? 1 : steps);
}

template <class T> __global__ void adafactor_taken(Matrices all, double left, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const Tile tile = tile_of(all, at);
    const Room room = room_of(all, at.i);
    const int size = all.whole[at.i] * all.tall[at.i] * all.wide[at.i];
    const C rate = (C)(maximize ? -*room.size : *room.size), fewer = (C)left;
    const T* p = (const T*)all.params[at.i];
    T* to = (T*)all.to_params[at.i];
    for (int k = threadIdx.x; k < size; k += blockDim.x) {
        const Element e = element_of(all, at.i, tile, k);
        if (e.at >= 0) to[e.at] = (T)((C)p[e.at] * fewer - rate * step_of<T, C>(all, at.i, e, room.means));
    }
}

// Vectors: their variances, and the squares of what a block has of the parameter and of its step.
template <class T> __global__ void adafactor_variances(Matrices all) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const int i = at.i;
    const Room room = room_of(all, i);
    const T *p = (const T*)all.params[i], *g = (const T*)all.grads[i];
    T* to = (T*)all.to_rows[i];
    const C keep = (C)all.keep[i], least = (C)all.least[i];
    const int64 start = at.block * TILE, stop = start + TILE < all.width[i] ? start + TILE : all.width[i];
    C squares = 0, steps = 0;
    for (int64 k = start + threadIdx.x; k < stop; k += blockDim.x) {
        to[k] = moved((const T*)all.rows[i], k, keep, (C)g[k] * (C)g[k]);
        const C step = (C)g[k] * share((C)to[k], least);
        squares += (C)p[k] * (C)p[k];
        steps += step * step;
    }
    squares = over_block(squares, Sum(), (C)0);
    steps = over_block(steps, Sum(), (C)0);
    if (threadIdx.x) return;
    room.squares[at.block] = (double)squares;
    room.steps[at.block] = (double)steps;
}

template <class T> __global__ void adafactor_vectors(Matrices all, double left, bool maximize) {
    typedef typename Computed<T>::type C;
    const Place at = place_of_block(all);
    const int i = at.i;
    const double size = *room_of(all, i).size;
    const C rate = (C)(maximize ? -size : size), fewer = (C)left, least = (C)all.least[i];
    const T *p = (const T*)all.params[i], *g = (const T*)all.grads[i], *variance = (const T*)all.to_rows[i];
    T* to = (T*)all.to_params[i];
    const int64 start = at.block * TILE, stop = start + TILE < all.width[i] ? start + TILE : all.width[i];
    for (int64 k = start + threadIdx.x; k < stop; k += blockDim.x)
        to[k] = (T)((C)p[k] * fewer - rate * (C)g[k] * share((C)variance[k], least));
}
