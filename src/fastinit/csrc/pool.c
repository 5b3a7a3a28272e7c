/* The pool: threads are made when first needed, wait without running when idle, and are never joined.
 *
 * One task runs at a time. A caller that finds the pool taken does its task alone, which is never slower
 * than waiting for threads that are busy anyway. A forked child starts with an empty pool of its own.
 */
#include "pool.h"
#include "stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define MOST_WORKERS 255
/* For the kernels' frames, which take 20 KiB at most, with or without sanitizers, and for whatever a tool that watches
 * the process puts around a thread's start. */
#define WORKER_STACK ((size_t)256 * 1024)
#define SPIN_NANOSECONDS 20000

static struct {
    pthread_mutex_t owner; /* held by the caller whose task runs */
    pthread_mutex_t lock;  /* guards all below that is not atomic */
    pthread_cond_t wake, done;
    atomic_int workers; /* threads that exist; the owner alone makes more */
    int tickets; /* how many of them may still join the task */
    atomic_int active; /* how many have joined and not finished */
    pool_task *task;
    void *context;
    int64_t pieces;
    atomic_int_fast64_t next;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static void work(void)
{
    for (;;) {
        int64_t piece = atomic_fetch_add(&pool.next, 1);
        if (piece >= pool.pieces)
            return;
        pool.task(pool.context, piece);
    }
}

static void *worker(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.tickets == 0)
            pthread_cond_wait(&pool.wake, &pool.lock);
        pool.tickets--;
        atomic_fetch_add(&pool.active, 1);
        pthread_mutex_unlock(&pool.lock);
        work();
        pthread_mutex_lock(&pool.lock);
        if (atomic_fetch_sub(&pool.active, 1) == 1)
            pthread_cond_signal(&pool.done);
    }
    return NULL;
}

/* In a forked child only the forking thread exists, and locks may be held by those that do not. */
static void forget_threads(void)
{
    memset(&pool, 0, sizeof pool);
    pthread_mutex_init(&pool.owner, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
}

static void register_fork_handler(void) { pthread_atfork(NULL, NULL, forget_threads); }

/* Called by the owner. Fewer threads than wanted are no error: the caller works, too, and the next call tries again. */
static void make_workers(int wanted)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static size_t stack = 0; /* a forked child's are no different */
    pthread_attr_t attributes;
    sigset_t all, before;

    if (pool.workers >= wanted)
        return;
    pthread_once(&once, register_fork_handler);
    sigfillset(&all); /* signals are for the caller's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (stack == 0)
        stack = stack_size(WORKER_STACK);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pool.workers < wanted && stack > 0 && pthread_attr_setstacksize(&attributes, stack) == 0) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, worker, NULL) != 0)
            break;
        pool.workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int pool_workers(void) { return atomic_load(&pool.workers); }

void pool_run(pool_task *task, void *context, int64_t pieces, int threads)
{
    int helpers = threads - 1 < MOST_WORKERS ? threads - 1 : MOST_WORKERS;
    if (helpers > pieces - 1)
        helpers = (int)(pieces - 1);
    if (helpers < 1 || pthread_mutex_trylock(&pool.owner) != 0) {
        for (int64_t piece = 0; piece < pieces; piece++)
            task(context, piece);
        return;
    }
    make_workers(helpers);

    pthread_mutex_lock(&pool.lock);
    pool.task = task;
    pool.context = context;
    pool.pieces = pieces;
    atomic_store(&pool.next, 0);
    pool.tickets = helpers < pool.workers ? helpers : pool.workers;
    for (int i = 0; i < pool.tickets; i++)
        pthread_cond_signal(&pool.wake);
    pthread_mutex_unlock(&pool.lock);

    work();

    /* Who has not joined by now is not needed. The others are at their last piece: look a moment before
     * going to sleep. */
    pthread_mutex_lock(&pool.lock);
    pool.tickets = 0;
    pthread_mutex_unlock(&pool.lock);
    for (int64_t start = nanoseconds(); atomic_load(&pool.active) > 0;)
        if (nanoseconds() - start > SPIN_NANOSECONDS)
            break;
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.active) > 0)
        pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.owner);
}
