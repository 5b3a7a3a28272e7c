/* What the dividers of work share: sizes, places, and workspace for the pieces that run at once. */
#ifndef FASTINIT_WORK_H
#define FASTINIT_WORK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fastinit.h"

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
/* Of numbers that are not negative; small ones, as they mostly are, divide in half the time. */
static inline int64_t remainder_of(int64_t n, int64_t unit)
{
    return (uint64_t)(n | unit) <= UINT32_MAX ? (int64_t)((uint32_t)n % (uint32_t)unit) : n % unit;
}
static inline int64_t chunks(int64_t n, int64_t chunk) { return chunk > 0 ? (n + chunk - 1) / chunk : 0; }

/* Bytes of a number that products are made of. */
static inline size_t real_size(fi_dtype dtype) { return dtype == FI_F64 ? 8 : 4; }

/* Threads that `pieces` can use, from 1 to `threads`. */
static inline int threads_for(int64_t pieces, int threads)
{
    const int64_t most = least(pieces, threads);
    return most < 1 ? 1 : (int)most;
}

/* The place so many elements on; the caller knows whether it may be written. */
static inline void *at(const void *base, int64_t elements, size_t itemsize)
{
    return (unsigned char *)base + elements * (int64_t)itemsize;
}

/* Divide a block into runs of elements that follow each other in the tensor; and where run number `run` begins in it.
 * fill.c has them. */
void find_runs(fi_job *job);
uint64_t first_of_run(const fi_job *job, int64_t run);

/* A piece takes a slot of workspace and gives it back. */
#define MOST_SLOTS 256 /* the pool has no more threads, the caller's among them */

typedef struct {
    unsigned char *memory;
    size_t bytes; /* of a slot */
    int count;
    atomic_flag taken[MOST_SLOTS];
} slots;

static inline void slots_make(slots *all, void *memory, size_t bytes, int count)
{
    all->memory = memory;
    all->bytes = bytes;
    all->count = count < MOST_SLOTS ? count : MOST_SLOTS;
    for (int i = 0; i < all->count; i++)
        atomic_flag_clear(&all->taken[i]);
}

/* There are as many slots as threads, so that one is always free. */
static inline int slots_take(slots *all)
{
    for (int i = 0;; i = (i + 1) % all->count)
        if (!atomic_flag_test_and_set_explicit(&all->taken[i], memory_order_acquire))
            return i;
}

static inline void *slots_at(const slots *all, int slot) { return all->memory + (size_t)slot * all->bytes; }

static inline void slots_give(slots *all, int slot)
{
    atomic_flag_clear_explicit(&all->taken[slot], memory_order_release);
}

#endif
