// cuBLASLt on host memory, as far as products that are finished by it ask for it: handles that are opaque, attributes by
// number and size, matrices stored by columns. What is asked for wrongly is refused as the library does, by a status, and
// where the manual wants more than cards do, as the manual says.
#include "stand_in.h"

enum { SUCCESS = 0, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16F = 2, R_16BF = 14 };

// Epilogues are sums of these, but the last, which gives the sums of the columns of op(B).
enum { BIAS = 4, GELU = 32, KEEPING = 128, SUMMING = 512 };

static const uint64_t MARK = 0xca11ab1e;
static const size_t WORKSPACE = 1000;

struct Product {
    int compute, scale, transa = 0, transb = 0, epilogue = 1;
    void *bias = nullptr, *kept = nullptr;
    int64_t kept_step = 0;
};

struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t step;
};

struct Wish {
    uint64_t workspace = 0;
    uint32_t alignments[4] = {256, 256, 256, 256};
};

struct Way {
    uint64_t algorithm[8];
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Way) == 96, "as the manual has it");

extern "C" {

// What tests look at and set: how many things are made and not given back, how many products ran, and what to refuse.
int alive, products, without_a_way, failing;

int cublasLtMatmulDescCreate(Product** made, int compute, int scale) {
    if (scale != R_32F || (compute != 68 && compute != 75 && compute != 77)) return INVALID_VALUE;
    *made = new Product{compute, scale};
    alive++;
    return SUCCESS;
}

int cublasLtMatmulDescSetAttribute(Product* of, int attribute, const void* value, size_t size) {
    if (size != (attribute >= 8 ? 8 : 4)) return INVALID_VALUE;
    if (attribute == 3) memcpy(&of->transa, value, 4);
    else if (attribute == 4) memcpy(&of->transb, value, 4);
    else if (attribute == 7) memcpy(&of->epilogue, value, 4);
    else if (attribute == 8) memcpy(&of->bias, value, 8);
    else if (attribute == 11) memcpy(&of->kept, value, 8);
    else if (attribute == 12) memcpy(&of->kept_step, value, 8);
    else return INVALID_VALUE;
    return SUCCESS;
}

int cublasLtMatmulDescDestroy(Product* of) {
    delete of;
    alive--;
    return SUCCESS;
}

int cublasLtMatrixLayoutCreate(Layout** made, int type, uint64_t rows, uint64_t columns, int64_t step) {
    *made = new Layout{type, rows, columns, step};
    alive++;
    return SUCCESS;
}

int cublasLtMatrixLayoutDestroy(Layout* of) {
    delete of;
    alive--;
    return SUCCESS;
}

int cublasLtMatmulPreferenceCreate(Wish** made) {
    *made = new Wish;
    alive++;
    return SUCCESS;
}

int cublasLtMatmulPreferenceSetAttribute(Wish* of, int attribute, const void* value, size_t size) {
    if (attribute == 1 && size == 8) memcpy(&of->workspace, value, 8);
    else if (attribute >= 5 && attribute <= 8 && size == 4) memcpy(of->alignments + attribute - 5, value, 4);
    else return INVALID_VALUE;
    return SUCCESS;
}

int cublasLtMatmulPreferenceDestroy(Wish* of) {
    delete of;
    alive--;
    return SUCCESS;
}

static int fits(const Product* of, const Layout* a, const Layout* b, const Layout* c, const Layout* d) {
    const uint64_t m = of->transa ? a->columns : a->rows, k = of->transa ? a->rows : a->columns;
    const uint64_t n = of->transb ? b->rows : b->columns;
    if (k != (of->transb ? b->columns : b->rows) || d->rows != m || d->columns != n || c->rows != m || c->columns != n)
        return INVALID_VALUE;
    for (const Layout* each : {a, b, c, d})
        if (each->type != d->type || each->step < (int64_t)each->rows) return INVALID_VALUE;
    const int plain = of->epilogue & ~KEEPING;
    if (of->epilogue != SUMMING && plain != BIAS && plain != GELU && plain != (GELU | BIAS)) return INVALID_VALUE;
    if (of->epilogue == (BIAS | KEEPING)) return INVALID_VALUE;
    if ((of->epilogue & KEEPING) && (of->kept_step < (int64_t)m || of->kept_step % 8)) return INVALID_VALUE;
    if (of->epilogue == SUMMING && !of->transb) return NOT_SUPPORTED;
    return d->type == R_32F || (of->compute == 68 && (d->type == R_16F || d->type == R_16BF)) ? SUCCESS : NOT_SUPPORTED;
}

static uint64_t alignment(const void* place) {
    const uint64_t lowest = (uintptr_t)place & -(uintptr_t)place;
    return place == nullptr || lowest > 16 ? 16 : lowest;
}

// The alignments that a way was found for go with it.
int cublasLtMatmulAlgoGetHeuristic(
    void* handle, Product* of, Layout* a, Layout* b, Layout* c, Layout* d, Wish* wish, int asked, Way* ways, int* found) {
    *found = 0;
    if (handle == nullptr || asked < 1) return INVALID_VALUE;
    if (const int status = fits(of, a, b, c, d)) return status;
    if (without_a_way || wish->workspace < WORKSPACE) return NOT_SUPPORTED;
    const uint32_t* told = wish->alignments;
    *ways = Way{
        {MARK, told[0], told[1], told[3], alignment(of->bias), alignment(of->kept)}, WORKSPACE, SUCCESS, 1.0f};
    *found = 1;
    return SUCCESS;
}
}

static double gelu(double x) {
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

template <class T> void multiply(
    const Product* of, const T* a, const Layout* la, const T* b, const Layout* lb, T* d, const Layout* ld, float alpha) {
    const uint64_t inner = of->transa ? la->rows : la->columns;
    for (uint64_t j = 0; j < ld->columns; j++) {
        double of_b = 0;
        for (uint64_t k = 0; k < inner; k++) of_b += (double)(float)(of->transb ? b[k * lb->step + j] : b[j * lb->step + k]);
        if (of->epilogue == SUMMING) ((T*)of->bias)[j] = (T)(float)of_b;
        for (uint64_t i = 0; i < ld->rows; i++) {
            double sum = 0;
            for (uint64_t k = 0; k < inner; k++) {
                const T x = of->transa ? a[i * la->step + k] : a[k * la->step + i];
                const T y = of->transb ? b[k * lb->step + j] : b[j * lb->step + k];
                sum += (double)(float)x * (double)(float)y;
            }
            sum *= alpha;
            if (of->epilogue & BIAS) sum += (double)(float)((const T*)of->bias)[i];
            if (of->epilogue & KEEPING) ((T*)of->kept)[j * of->kept_step + i] = (T)(float)sum;
            d[j * ld->step + i] = (T)(float)(of->epilogue & GELU ? gelu(sum) : sum);
        }
    }
}

extern "C" int cublasLtMatmul(
    void* handle, Product* of, const float* alpha, const void* a, Layout* la, const void* b, Layout* lb,
    const float* beta, const void* c, Layout* lc, void* d, Layout* ld, const Way* way, void* workspace, size_t size,
    void* stream) {
    if (failing) return EXECUTION_FAILED;
    if (handle == nullptr || *alpha != 1 || *beta != 0 || c != d || way->algorithm[0] != MARK) return INVALID_VALUE;
    if (const int status = fits(of, la, lb, lc, ld)) return status;
    if ((of->epilogue & (BIAS | SUMMING)) && of->bias == nullptr) return INVALID_VALUE;
    if ((of->epilogue & KEEPING) && of->kept == nullptr) return NOT_SUPPORTED;
    if (alignment(of->bias) < way->algorithm[4] || alignment(of->kept) < way->algorithm[5]) return INVALID_VALUE;
    if (workspace == nullptr || size < WORKSPACE) return INVALID_VALUE;
    const void* places[3] = {a, b, d};
    for (int i = 0; i < 3; i++)
        if ((uintptr_t)places[i] % way->algorithm[1 + i]) return INVALID_VALUE;
    memset(workspace, 0xff, size);
    products++;
    if (ld->type == R_32F) multiply(of, (const float*)a, la, (const float*)b, lb, (float*)d, ld, *alpha);
    else if (ld->type == R_16F) multiply(of, (const __half*)a, la, (const __half*)b, lb, (__half*)d, ld, *alpha);
    else multiply(of, (const __nv_bfloat16*)a, la, (const __nv_bfloat16*)b, lb, (__nv_bfloat16*)d, ld, *alpha);
    return SUCCESS;
}
