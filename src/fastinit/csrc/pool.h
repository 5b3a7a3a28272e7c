/* A small pool of parked threads. */
#ifndef FASTINIT_POOL_H
#define FASTINIT_POOL_H

#include <stdint.h>

/* One of a task's independent pieces. */
typedef void pool_task(void *context, int64_t piece);

/* Do pieces 0 .. pieces - 1, each once, in any order, on at most `threads` threads, the caller's among
 * them. Returns when all are done: 0; or 1 if it was to stop, and some are done in part or not at all. May be called
 * from several threads at once and after fork. */
int pool_run(pool_task *task, void *context, int64_t pieces, int threads);

/* Ask this now and then whether a call shall stop; see fi_ask_with. */
void pool_ask_with(int (*asked)(void));

/* How many threads it has made. */
int pool_workers(void);

#endif
