/* One loop for every method and dtype: make a group of words, map it, store it.
 *
 * `method` and `dtype` are compile-time constants at each call, so that the compiler keeps one branch of
 * each switch and the words never leave the registers.
 */
#include <string.h>

#define GROUP_WORDS (FI_VECS * FI_LANES)

#if defined(__GNUC__)
#define FI_ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define FI_ALWAYS_INLINE static inline
#endif

typedef struct {
    uniform32 u32;
    uniform64 u64;
    symmetric32 s32;
    symmetric64 s64;
    asymmetric32 a32;
    asymmetric64 a64;
    narrow64 n64;
    tail64 t64;
    int flag; /* uniform: scale the word first; symmetric and asymmetric: no q beyond the near octaves */
} laws;

FI_ALWAYS_INLINE vd map64(const laws *c, vd p, vu words, fi_method method)
{
    switch (method) {
    case FI_METHOD_UNIFORM: return uniform64_map(&c->u64, words);
    case FI_METHOD_SYMMETRIC: return symmetric64_map(&c->s64, words);
    case FI_METHOD_ASYMMETRIC: return asymmetric64_map(&c->a64, words);
    case FI_METHOD_NARROW: return narrow64_map(&c->n64, p);
    default: return tail64_map(&c->t64, p);
    }
}

FI_ALWAYS_INLINE vf map32(const laws *c, vu words, fi_method method)
{
    switch (method) {
    case FI_METHOD_UNIFORM: return uniform32_map(&c->u32, words, c->flag);
    case FI_METHOD_SYMMETRIC: return symmetric32_map(&c->s32, words, c->flag);
    case FI_METHOD_ASYMMETRIC: return asymmetric32_map(&c->a32, words, c->flag);
    default: {
        /* In float64, rounded to float32 once; the bounds are those of the output's dtype. */
        vd low = map64(c, unit_from_u32(vd_from_u32_low(words)), words, method);
        vd high = map64(c, unit_from_u32(vd_from_u32_high(words)), words, method);
        return vf_min(vf_max(vf_from_f64(low, high), c->u32.low), c->u32.high);
    }
    }
}

/* Map the group's j-th vector of words to its place in the output. */
FI_ALWAYS_INLINE void map_vector(const laws *c, vu words, unsigned char *out, int j, fi_method method,
                                 fi_dtype dtype)
{
    switch (dtype) {
    case FI_F32: vf_store_f32((float *)out + j * FI_LANES, map32(c, words, method)); break;
    case FI_F16: vf_store_f16((uint16_t *)out + j * FI_LANES, map32(c, words, method)); break;
    case FI_BF16: vf_store_bf16((uint16_t *)out + j * FI_LANES, map32(c, words, method)); break;
    case FI_F64:
        vd_store((double *)out + j * (FI_LANES / 2), map64(c, unit_magnitude64(words), words, method));
        break;
    default: vu_store((uint32_t *)out + j * FI_LANES, words); break;
    }
}

FI_ALWAYS_INLINE void map_group(const laws *c, const vu words[FI_VECS], unsigned char *out, fi_method method,
                                fi_dtype dtype)
{
    if (method == FI_METHOD_NARROW || method == FI_METHOD_TAIL) { /* long bodies: unrolled, they only grow */
#pragma GCC unroll 1
        for (int j = 0; j < FI_VECS; j++)
            map_vector(c, words[j], out, j, method, dtype);
    } else {
#pragma GCC unroll 8
        for (int j = 0; j < FI_VECS; j++)
            map_vector(c, words[j], out, j, method, dtype);
    }
}

FI_ALWAYS_INLINE void fill_run(const fi_plan *plan, const fi_source *source, uint64_t first, size_t count,
                               void *out, fi_method method, fi_dtype dtype)
{
    const size_t words_per_element = dtype == FI_F64 ? 2 : 1;
    const size_t itemsize = dtype == FI_F64 ? 8 : dtype == FI_F32 || dtype == FI_U32 ? 4 : 2;
    const size_t group = GROUP_WORDS / words_per_element;
    const uint64_t first_word = first * words_per_element; /* below 2^63: shapes hold fewer bytes than that */
    const vkey key = v_key(source->key, source->stream);
    unsigned char *to = out;
    uint64_t block = first_word / 4;
    size_t skip = (size_t)(first_word % 4) / words_per_element;
    unsigned char buffer[GROUP_WORDS * 4];
    laws c;

    if (dtype == FI_F64) {
        if (method == FI_METHOD_UNIFORM) c.u64 = uniform64_load(&plan->f64);
        if (method == FI_METHOD_SYMMETRIC) c.s64 = symmetric64_load(&plan->f64);
        if (method == FI_METHOD_ASYMMETRIC) c.a64 = asymmetric64_load(&plan->f64);
    } else {
        c.u32 = uniform32_load(&plan->f32); /* its bounds serve the float64 methods too */
        if (method == FI_METHOD_SYMMETRIC) c.s32 = symmetric32_load(&plan->f32);
        if (method == FI_METHOD_ASYMMETRIC) c.a32 = asymmetric32_load(&plan->f32);
    }
    if (method == FI_METHOD_NARROW) c.n64 = narrow64_load(&plan->f64);
    if (method == FI_METHOD_TAIL) c.t64 = tail64_load(&plan->f64);
    if (method == FI_METHOD_UNIFORM) c.flag = plan->f32.scale_first;
    if (method == FI_METHOD_SYMMETRIC) c.flag = plan->f32.q_offset >= NEAR_Q2;
    if (method == FI_METHOD_ASYMMETRIC)
        c.flag = plan->f32.lo_offset >= NEAR_Q2 && plan->f32.hi_offset >= NEAR_Q2;

    while (count > 0) {
        vu words[FI_VECS];
        if (source->words) {
            for (int j = 0; j < FI_VECS; j++)
                words[j] = vu_load(source->words + 4 * block + j * FI_LANES);
        } else {
            v_philox(block, &key, words);
        }
        /* The two ends of a run go through a buffer, and never touch memory beyond it. */
        const int whole = skip == 0 && count >= group;
        const size_t n = group - skip < count ? group - skip : count;
        map_group(&c, words, whole ? to : buffer, method, dtype);
        if (!whole)
            memcpy(to, buffer + skip * itemsize, n * itemsize);
        to += n * itemsize;
        count -= n;
        skip = 0;
        block += GROUP_WORDS / 4;
    }
}
