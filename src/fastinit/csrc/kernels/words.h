/* Words of the stream, some vectors of them at a time. `n` is a constant at each call, FI_VECS at most. */

/* Rounds that v_words_begin leaves. */
#define ROUNDS_LEFT (PHILOX_ROUNDS - FI_ROUNDS_BEGUN)

/* Round number `r` of those left, 0 and up; nothing beyond the last. */
FI_ALWAYS_INLINE void words_advance(vwords *w, const vkey *key, int r, int n)
{
    if (r < ROUNDS_LEFT)
        v_words_round(w, key, FI_ROUNDS_BEGUN + r, n);
}

/* Begin the next words and see them through. */
FI_ALWAYS_INLINE void words_make(vwords *w, const vkey *key, int n)
{
    v_words_begin(w, n);
#pragma GCC unroll 10
    for (int r = 0; r < ROUNDS_LEFT; r++)
        words_advance(w, key, r, n);
}
