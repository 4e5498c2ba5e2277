// Philox-4x64-10, of docs/random.md: a block of four words at a counter.

struct Block {
    uint64 words[4];

    // Half-words, the lower half of a word first.
    __device__ unsigned half(int i) const { return (unsigned)(words[i / 2] >> (i % 2 * 32)); }
};

// The block at a 256-bit counter plus `ahead`, the counter's least significant word first.
__device__ inline Block philox(uint64 key, uint64 c0, uint64 c1, uint64 c2, uint64 c3, uint64 ahead) {
    c0 += ahead;
    if (c0 < ahead && ++c1 == 0 && ++c2 == 0) ++c3;
    uint64 k0 = key, k1 = 0;
    for (int round = 0; round < 10; round++) {
        if (round > 0) {
            k0 += 0x9E3779B97F4A7C15ULL;
            k1 += 0xBB67AE8584CAA73BULL;
        }
        const uint64 m0 = 0xD2E7470EE14C6C93ULL, m1 = 0xCA5A826395121157ULL;
        const uint64 n0 = __umul64hi(m1, c2) ^ c1 ^ k0, n1 = m1 * c2;
        const uint64 n2 = __umul64hi(m0, c0) ^ c3 ^ k1, n3 = m0 * c0;
        c0 = n0;
        c1 = n1;
        c2 = n2;
        c3 = n3;
    }
    return Block{{c0, c1, c2, c3}};
}
