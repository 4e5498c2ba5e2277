// Sixteen bytes: `class M` is what is moved at once.
struct alignas(16) Sixteen {
    uint64 low, high;
};
