/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Only what every instruction set shares stands here. The rounds themselves are
 * operations of each vocabulary, because the best shape of a 32x32 -> 64 bit product differs.
 *
 * Block b of stream s under key k is the cipher of the counter (b lo, b hi, s lo, s hi); word i of the
 * stream is word i & 3 of block i >> 2.
 */
#ifndef FASTINIT_PHILOX_H
#define FASTINIT_PHILOX_H

#include <stddef.h>
#include <stdint.h>

#define PHILOX_ROUNDS 10
#define PHILOX_M0 0xD2511F53u /* multiplies counter word 0 */
#define PHILOX_M1 0xCD9E8D57u /* multiplies counter word 2 */
#define PHILOX_W0 0x9E3779B9u /* added to key word 0 after each round: the golden ratio */
#define PHILOX_W1 0xBB67AE85u /* added to key word 1 after each round: sqrt(3) - 1 */

typedef struct {
    uint32_t k0[PHILOX_ROUNDS], k1[PHILOX_ROUNDS];
} philox_schedule;

static inline philox_schedule philox_round_keys(uint64_t key)
{
    philox_schedule s;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        s.k0[r] = k0;
        s.k1[r] = k1;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    return s;
}

static inline void philox_round(uint32_t c[4], const philox_schedule *s, int r)
{
    const uint64_t p0 = (uint64_t)PHILOX_M0 * c[0], p1 = (uint64_t)PHILOX_M1 * c[2];
    c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ s->k0[r];
    c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ s->k1[r];
    c[1] = (uint32_t)p1;
    c[3] = (uint32_t)p0;
}

static inline void philox_counter(uint64_t block, uint64_t stream, uint32_t c[4])
{
    c[0] = (uint32_t)block;
    c[1] = (uint32_t)(block >> 32);
    c[2] = (uint32_t)stream;
    c[3] = (uint32_t)(stream >> 32);
}

/* One block, plainly. */
static inline void philox_block(uint64_t block, uint64_t stream, const philox_schedule *s, uint32_t out[4])
{
    philox_counter(block, stream, out);
    for (int r = 0; r < PHILOX_ROUNDS; r++)
        philox_round(out, s, r);
}

/* The vector paths share the block's upper half: so many blocks, this one included, have the same. */
static inline uint64_t philox_before_carry(uint64_t block) { return (UINT64_C(1) << 32) - (uint32_t)block; }

/* Words of blocks that may not. */
static __attribute__((noinline)) void philox_words(uint64_t block, size_t blocks, uint64_t stream, uint64_t key,
                                                   uint32_t *out)
{
    const philox_schedule schedule = philox_round_keys(key);
    for (size_t j = 0; j < blocks; j++)
        philox_block(block + j, stream, &schedule, out + 4 * j);
}

#endif
