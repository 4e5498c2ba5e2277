// What kernels are told of a convolution. Arrays are (samples, channels, up to three axes) by their strides, so that
// any order of memory will do; axes that are not there are of size one.

// Place p of the result sees the source at p * step + first + tap * apart.
struct Axis {
    int places, taps, size, step, first, apart;
    int64 source, target, weight;
};

// `channels` are those that are summed over, `columns` those of the result, in one of the groups.
struct Correlation {
    Axis axis[3];
    int samples, channels, columns, groups, phases, transposed;
    int64 source_sample, source_channel, source_group;
    int64 target_start, target_sample, target_column, target_group;
    int64 weight_start, weight_channel, weight_column, weight_group;
};

// Where nothing is: with what is added to it, it is outside of every source.
const int NOWHERE = -(1 << 29);

__device__ inline int taps_of(const Correlation& how) { return how.axis[0].taps * how.axis[1].taps * how.axis[2].taps; }

__device__ inline int places_of(const Correlation& how) {
    return how.axis[0].places * how.axis[1].places * how.axis[2].places;
}

// A transposed convolution takes each tap to every `step`-th place only. Places of one remainder are a phase: they see
// the same taps, and their neighbours see the source's neighbours, so each phase is a correlation without strides.
__device__ inline void enter_phase(Correlation& how, int phase) {
    for (int a = 2; a >= 0; a--) {
        Axis& x = how.axis[a];
        const int stride = x.step, before = x.first, dilation = x.apart, rest = phase % stride;
        phase /= stride;
        const int skipped = before > rest ? (before - rest + stride - 1) / stride : 0;
        const int place = skipped * stride + rest - before;
        int tap = 0, period = 1;
        while (tap < stride && (rest - tap * dilation) % stride != 0) tap++;
        while (period * dilation % stride != 0) period++;
        x.places = place < x.places ? (x.places - place + stride - 1) / stride : 0;
        x.taps = tap < stride && tap < x.taps ? (x.taps - tap + period - 1) / period : 0;
        x.step = 1;
        x.first = skipped + (rest - tap * dilation) / stride;
        x.apart = -(period * dilation / stride);
        how.target_start += place * x.target;
        how.weight_start += tap * x.weight;
        x.target *= stride;
        x.weight *= period;
    }
}

// The digits of a number, the last one running fastest; the first takes what is left.
struct Digits {
    int at[4];
};

__device__ inline Digits digits_of(int number, const Digits& sizes) {
    Digits found;
    for (int i = 3; i > 0; i--) {
        const int size = sizes.at[i] > 0 ? sizes.at[i] : 1;
        found.at[i] = number % size;
        number /= size;
    }
    found.at[0] = number;
    return found;
}

// Add without a division.
__device__ inline void advance(Digits& number, const Digits& by, const Digits& sizes) {
    int carry = 0;
    for (int i = 3; i > 0; i--) {
        int digit = number.at[i] + by.at[i] + carry;
        carry = digit >= sizes.at[i];
        number.at[i] = carry ? digit - sizes.at[i] : digit;
    }
    number.at[0] += by.at[0] + carry;
}

// Sample and places of a result's element.
__device__ inline Digits sizes_of_places(const Correlation& how) {
    return Digits{{how.samples, how.axis[0].places, how.axis[1].places, how.axis[2].places}};
}

// Channel and taps of a term, in the order in which the source's memory is read best: channels run fastest where they
// are `last`.
__device__ inline Digits sizes_of_terms(const Correlation& how, bool last) {
    return last ? Digits{{how.axis[0].taps, how.axis[1].taps, how.axis[2].taps, how.channels}}
                : Digits{{how.channels, how.axis[0].taps, how.axis[1].taps, how.axis[2].taps}};
}

// What is added to a place's position in the source, and where the weight stands.
struct Term {
    int source, weight, at[3];
};

__device__ inline Term term_of(const Correlation& how, const Digits& digits, bool last) {
    const int channel = digits.at[last ? 3 : 0];
    Term found;
    found.source = channel * (int)how.source_channel;
    found.weight = channel * (int)how.weight_channel;
    for (int a = 0; a < 3; a++) {
        const int tap = digits.at[last ? a : a + 1];
        found.at[a] = tap * how.axis[a].apart;
        found.source += found.at[a] * (int)how.axis[a].source;
        found.weight += tap * (int)how.axis[a].weight;
    }
    return found;
}

// Where a place sees the source's first tap, and where its result stands.
struct Spot {
    int64 source, target;
    int at[3];
};

__device__ inline Spot spot_of(const Correlation& how, const Digits& digits) {
    Spot found;
    found.source = digits.at[0] * how.source_sample;
    found.target = digits.at[0] * how.target_sample;
    for (int a = 0; a < 3; a++) {
        const Axis& x = how.axis[a];
        found.at[a] = digits.at[a + 1] * x.step + x.first;
        found.source += found.at[a] * x.source;
        found.target += digits.at[a + 1] * x.target;
    }
    return found;
}

struct Extent {
    unsigned at[3];
};

__device__ inline Extent extent_of(const Correlation& how) {
    return Extent{{(unsigned)how.axis[0].size, (unsigned)how.axis[1].size, (unsigned)how.axis[2].size}};
}

__device__ inline bool inside(const Spot& place, const Term& term, const Extent& extent) {
    return (unsigned)(place.at[0] + term.at[0]) < extent.at[0] && (unsigned)(place.at[1] + term.at[1]) < extent.at[1] &&
           (unsigned)(place.at[2] + term.at[2]) < extent.at[2];
}

// Whether there is such a place, or such a term.
template <class Seen> __device__ bool exists(const Seen& one) { return one.at[0] > NOWHERE / 2; }
