/* A small pool of parked threads. */
#ifndef FASTINIT_POOL_H
#define FASTINIT_POOL_H

#include <stdint.h>

/* One of a task's independent pieces. */
typedef void pool_task(void *context, int64_t piece);

/* Do pieces 0 .. pieces - 1, each once, in any order, on at most `threads` threads, the caller's among
 * them. Returns when all are done. May be called from several threads at once and after fork. */
void pool_run(pool_task *task, void *context, int64_t pieces, int threads);

/* How many threads it has made. */
int pool_workers(void);

#endif
