// Sixteen bytes: `class M` is what is moved at once.
struct alignas(16) Sixteen {
    uint64 low, high;
};

// As many elements as sixteen bytes hold, or one that lies anywhere.
template <class T, bool WIDE = true> struct alignas(WIDE ? 16 : sizeof(T)) Pack {
    static const int count = WIDE ? 16 / sizeof(T) : 1;
    T items[count];
};
