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

#endif
