/* One loop for every method and dtype: make a span of words, map it, store it.
 *
 * `method` and `dtype` are compile-time constants at each call, so that the compiler keeps one branch of
 * each switch and the words never leave the registers.
 */
#include <string.h>

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

FI_ALWAYS_INLINE void map64(const laws *c, const vu words[FI_PACK], const vd p[FI_PACK], vd value[FI_PACK],
                            fi_method method)
{
    switch (method) {
    case FI_METHOD_UNIFORM: uniform64_map(&c->u64, words, value); break;
    case FI_METHOD_SYMMETRIC: symmetric64_map(&c->s64, words, value); break;
    case FI_METHOD_ASYMMETRIC: asymmetric64_map(&c->a64, words, value); break;
    case FI_METHOD_NARROW: narrow64_map(&c->n64, p, value); break;
    default: tail64_map(&c->t64, p, value); break;
    }
}

/* The float32 normals: they are mapped FI_FLIGHT vectors in step, and with FI_BESIDE while the words of the next ones
 * are made. All else goes in packs. */
#define BY_OCTAVES(method, dtype) \
    ((dtype) != FI_F64 && ((method) == FI_METHOD_SYMMETRIC || (method) == FI_METHOD_ASYMMETRIC))
#define IN_STEP(method, dtype) (BY_OCTAVES(method, dtype) ? FI_FLIGHT : FI_PACK)
#define FLIES(method, dtype) (FI_BESIDE && BY_OCTAVES(method, dtype))

FI_ALWAYS_INLINE void map32(const laws *c, const vu *words, vf *value, fi_method method, vwords *next, const vkey *key)
{
    switch (method) {
    case FI_METHOD_UNIFORM: uniform32_map(&c->u32, words, value, c->flag); break;
    case FI_METHOD_SYMMETRIC: symmetric32_map(&c->s32, words, value, c->flag, next, key); break;
    case FI_METHOD_ASYMMETRIC: asymmetric32_map(&c->a32, words, value, c->flag, next, key); break;
    default: { /* in float64, rounded to float32 once; the bounds are those of the output's dtype */
        vd p[FI_PACK], low[FI_PACK], high[FI_PACK];
        EACH p[i] = unit_from_u32(vd_from_u32_low(words[i]));
        map64(c, words, p, low, method);
        EACH p[i] = unit_from_u32(vd_from_u32_high(words[i]));
        map64(c, words, p, high, method);
        EACH value[i] = vf_min(vf_max(vf_from_f64(low[i], high[i]), c->u32.low), c->u32.high);
    }
    }
}

/* Map the words that go in step and store their values at `out`. The next words, if any are wanted, are made
 * meanwhile. */
FI_ALWAYS_INLINE void map_step(const laws *c, const vu *words, void *out, fi_method method, fi_dtype dtype,
                               vwords *next, const vkey *key)
{
    if (dtype == FI_U32) {
        EACH vu_store((uint32_t *)out + i * FI_LANES, words[i]);
    } else if (dtype == FI_F64) {
        vd p[FI_PACK], value[FI_PACK];
        EACH p[i] = unit_magnitude64(words[i]);
        map64(c, words, p, value, method);
        EACH vd_store((double *)out + i * (FI_LANES / 2), value[i]);
    } else {
        vf value[FI_FLIGHT > FI_PACK ? FI_FLIGHT : FI_PACK];
#define EACH_IN_STEP for (int i = 0; i < IN_STEP(method, dtype); i++)
        map32(c, words, value, method, next, key);
        if (dtype == FI_F32)
            EACH_IN_STEP vf_store((float *)out + i * FI_LANES, value[i]);
        else if (dtype == FI_F16)
            EACH_IN_STEP vf_store_f16((uint16_t *)out + i * FI_LANES, value[i]);
        else
            EACH_IN_STEP vf_store_bf16((uint16_t *)out + i * FI_LANES, value[i]);
    }
}

/* So many spans of values, the words of one made while those of the one before are mapped. They come from a block on,
 * and all blocks share the upper half of their number; or they are given. */
FI_ALWAYS_INLINE void fill_in_flight(const laws *c, const vkey *key, uint64_t block, const uint32_t *given,
                                     size_t spans, unsigned char *to, size_t bytes, fi_method method, fi_dtype dtype)
{
    vwords next;
    v_words_at(block, key, &next);
    words_make(&next, key, FI_FLIGHT);
    for (; spans > 0; spans--) {
        vu words[FI_FLIGHT];
        if (given) {
            EACH_OF(FI_FLIGHT) words[i] = vu_load(given + i * FI_LANES);
            given += FI_FLIGHT * FI_LANES;
        } else {
            v_words_end(&next, words, FI_FLIGHT);
        }
        if (!given && spans > 1) {
            v_words_begin(&next, FI_FLIGHT);
            map_step(c, words, to, method, dtype, &next, key);
        } else {
            map_step(c, words, to, method, dtype, NULL, key);
        }
        to += bytes;
    }
}

/* The same, each span made and then mapped. */
FI_ALWAYS_INLINE void fill_in_turn(const laws *c, const vkey *key, uint64_t block, const uint32_t *given, size_t spans,
                                   unsigned char *to, size_t bytes, fi_method method, fi_dtype dtype)
{
    vwords next;
    v_words_at(block, key, &next);
    for (; spans > 0; spans--) {
        vu words[FI_VECS];
        if (given) {
            EACH_OF(FI_VECS) words[i] = vu_load(given + i * FI_LANES);
            given += FI_VECS * FI_LANES;
        } else {
            words_make(&next, key, FI_VECS);
            v_words_end(&next, words, FI_VECS);
        }
        if (BY_OCTAVES(method, dtype)) { /* its emulated fma would fill pages */
#pragma GCC unroll 1
            for (int j = 0; j < FI_VECS; j += FI_FLIGHT)
                map_step(c, words + j, to + j * (bytes / FI_VECS), method, dtype, NULL, key);
        } else {
#pragma GCC unroll 8
            for (int j = 0; j < FI_VECS; j += FI_PACK)
                map_step(c, words + j, to + j * (bytes / FI_VECS), method, dtype, NULL, key);
        }
        to += bytes;
    }
}

FI_ALWAYS_INLINE void fill_run(const fi_law *law, const fi_source *source, uint64_t first, size_t count, void *out,
                               fi_method method, fi_dtype dtype)
{
    const size_t words_per_element = dtype == FI_F64 ? 2 : 1;
    const size_t itemsize = dtype == FI_F64 ? 8 : dtype == FI_F32 || dtype == FI_U32 ? 4 : 2;
    enum { MOST_WORDS = FI_VECS * FI_LANES };
    const size_t span_words = FLIES(method, dtype) ? FI_FLIGHT * FI_LANES : MOST_WORDS;
    const size_t span = span_words / words_per_element, bytes = span * itemsize;
    const uint64_t first_word = first * words_per_element; /* below 2^63: shapes hold fewer bytes than that */
    const vkey key = v_key(source->key, source->stream);
    unsigned char *to = out;
    uint64_t block = first_word / 4;
    size_t skip = (size_t)(first_word % 4) / words_per_element;
    _Alignas(64) unsigned char buffer[MOST_WORDS * 4];
    uint32_t plain[MOST_WORDS];
    laws c;

    if (dtype == FI_F64) {
        if (method == FI_METHOD_UNIFORM)
            c.u64 = uniform64_load(&law->f64);
        if (method == FI_METHOD_SYMMETRIC)
            c.s64 = symmetric64_load(&law->f64);
        if (method == FI_METHOD_ASYMMETRIC)
            c.a64 = asymmetric64_load(&law->f64);
    } else {
        c.u32 = uniform32_load(&law->f32); /* its bounds serve the float64 methods too */
        if (method == FI_METHOD_SYMMETRIC)
            c.s32 = symmetric32_load(&law->f32);
        if (method == FI_METHOD_ASYMMETRIC)
            c.a32 = asymmetric32_load(&law->f32);
    }
    if (method == FI_METHOD_NARROW)
        c.n64 = narrow64_load(&law->f64);
    if (method == FI_METHOD_TAIL)
        c.t64 = tail64_load(&law->f64);
    if (method == FI_METHOD_UNIFORM)
        c.flag = law->f32.scale_first;
    if (method == FI_METHOD_SYMMETRIC)
        c.flag = law->f32.q_offset >= NEAR_Q2;
    if (method == FI_METHOD_ASYMMETRIC)
        c.flag = law->f32.lo_offset >= NEAR_Q2 && law->f32.hi_offset >= NEAR_Q2;

    while (count > 0) {
        /* The two ends of a run go through a buffer, and never touch memory beyond it. */
        const int whole = skip == 0 && count >= span;
        const uint32_t *given = source->words ? source->words + 4 * block : NULL;
        size_t spans = whole ? count / span : 1;
        if (!given) {
            const size_t before_carry = (size_t)(philox_before_carry(block) / (span_words / 4));
            if (spans > before_carry)
                spans = before_carry;
            if (spans == 0) {
                spans = 1;
                philox_words(block, span_words / 4, source->stream, source->key, plain);
                given = plain;
            }
        }
        const size_t n = whole ? spans * span : span - skip < count ? span - skip : count;
        unsigned char *const target = whole ? to : buffer;
        if (FLIES(method, dtype))
            fill_in_flight(&c, &key, block, given, spans, target, bytes, method, dtype);
        else
            fill_in_turn(&c, &key, block, given, spans, target, bytes, method, dtype);
        if (!whole)
            memcpy(to, buffer + skip * itemsize, n * itemsize);
        to += n * itemsize;
        count -= n;
        skip = 0;
        block += spans * (span_words / 4);
    }
}
