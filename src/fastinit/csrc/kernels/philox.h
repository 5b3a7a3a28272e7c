/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Only what every instruction set shares stands here. The rounds themselves, `v_philox`, are an
 * operation of each vocabulary, because the best shape of a 32x32 -> 64 bit product differs.
 *
 * Block b of stream s under key k is the cipher of the counter (b lo, b hi, s lo, s hi); word i of the
 * stream is word i & 3 of block i >> 2.
 */
#ifndef FASTINIT_PHILOX_H
#define FASTINIT_PHILOX_H

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

/* One block, plainly. */
static inline void philox_block(uint64_t block, uint64_t stream, const philox_schedule *s, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0, p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ s->k0[r];
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ s->k1[r];
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The vector paths share the block's upper half among the blocks of a group. Once in 2^32 blocks that is
 * not so, and the group is made by philox_block. */
static inline int philox_carries(uint64_t block, unsigned blocks) { return (uint32_t)block > UINT32_MAX - blocks; }

#endif
