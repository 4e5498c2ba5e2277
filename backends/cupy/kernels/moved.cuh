// Sixteen bytes: `class M` is what is moved at once.
struct alignas(16) Sixteen {
    uint64 low, high;
};

// As many elements as sixteen bytes hold.
template <class T> struct alignas(16) Pack {
    static const int count = 16 / sizeof(T);
    T items[count];
};
