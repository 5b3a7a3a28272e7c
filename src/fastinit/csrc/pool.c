/* The pool: threads are made when first needed, wait without running when idle, and are never joined.
 *
 * One task runs at a time. A caller that finds the pool taken does its task alone, which is never slower
 * than waiting for threads that are busy anyway. A forked child starts with an empty pool of its own.
 *
 * A call that takes long asks now and then whether it shall stop: the thread that called, between pieces and, where a
 * piece may take long, in the midst of it. The others see the answer.
 */
#include "pool.h"
#include "kernels/table.h"
#include "simd/fpmode.h"
#include "system.h"

#include <stdatomic.h>
#include <string.h>

#define MOST_WORKERS 255
/* For the kernels' frames, which take 20 KiB at most, with or without sanitizers, and for whatever a tool that watches
 * the process puts around a thread's start. */
#define WORKER_STACK ((size_t)256 * 1024)
#define SPIN_NANOSECONDS 20000

/* So often is asked; and so often, about, is the clock read, which takes as long as a very small piece, but at least
 * once in so many pieces. */
#define ASK_NANOSECONDS 50000000
#define LOOK_NANOSECONDS 1000000
#define MOST_PIECES_BETWEEN_LOOKS 16

static struct {
    system_lock owner; /* held by the caller whose task runs */
    system_lock lock;  /* guards all below that is not atomic */
    system_condition wake, done;
    atomic_int workers; /* threads that exist; the owner alone makes more */
    int tickets; /* how many of them may still join the task */
    atomic_int active; /* how many have joined and not finished */
    pool_task *task;
    void *context;
    int64_t pieces;
    atomic_int_fast64_t next;
    atomic_int stop;
} pool = {.owner = SYSTEM_LOCK, .lock = SYSTEM_LOCK, .wake = SYSTEM_CONDITION, .done = SYSTEM_CONDITION};

static int (*ask)(void); /* or NULL */

/* Of a call: when it last asked and read the clock, or 0: a short call never does. */
typedef struct {
    int64_t asked, looked;
    int pieces, left; /* from look to look, and until the next */
} watch;
#define NEW_WATCH {0, 0, 1, 1}

/* What this thread works on at the moment. */
typedef struct {
    atomic_int *stop;
    watch *watch; /* NULL in a worker */
} place;
static _Thread_local place now;

void pool_ask_with(int (*asked)(void)) { ask = asked; }

int fi_stop_asked(void)
{
    watch *const w = now.watch;
    if (!now.stop)
        return 0;
    if (atomic_load_explicit(now.stop, memory_order_relaxed))
        return 1;
    if (!w || --w->left > 0)
        return 0;
    const int64_t time = system_nanoseconds();
    if (w->asked == 0)
        w->asked = w->looked = time;
    if (time - w->looked >= LOOK_NANOSECONDS)
        w->pieces = 1;
    else if (w->pieces < MOST_PIECES_BETWEEN_LOOKS)
        w->pieces *= 2;
    w->looked = time;
    w->left = w->pieces;
    if (!ask || time - w->asked < ASK_NANOSECONDS)
        return 0;
    const fpmode mode = fpmode_enter(); /* whoever is asked may compute, and change it */
    if (ask())
        atomic_store(now.stop, 1);
    fpmode_leave(mode);
    w->looked = w->asked = system_nanoseconds();
    return atomic_load(now.stop);
}

static void work(void)
{
    while (!fi_stop_asked()) {
        int64_t piece = atomic_fetch_add(&pool.next, 1);
        if (piece >= pool.pieces)
            return;
        pool.task(pool.context, piece);
    }
}

static void worker(void)
{
    now.stop = &pool.stop;
    system_take(&pool.lock);
    for (;;) {
        while (pool.tickets == 0)
            system_wait(&pool.wake, &pool.lock);
        pool.tickets--;
        atomic_fetch_add(&pool.active, 1);
        system_give(&pool.lock);
        work();
        system_take(&pool.lock);
        if (atomic_fetch_sub(&pool.active, 1) == 1)
            system_wake(&pool.done);
    }
}

/* In a forked child only the forking thread exists, and locks may be held by those that do not. */
static void forget_threads(void)
{
    memset(&pool, 0, sizeof pool);
    system_make_lock(&pool.owner);
    system_make_lock(&pool.lock);
    system_make_condition(&pool.wake);
    system_make_condition(&pool.done);
}

/* Called by the owner. Fewer threads than wanted are no error: the caller works, too, and the next call tries again. */
static void make_workers(int wanted)
{
    static int forgets = 0; /* a forked child does, too */

    if (pool.workers >= wanted)
        return;
    if (!forgets)
        system_after_fork(forget_threads);
    forgets = 1;
    pool.workers += system_start(worker, wanted - pool.workers, WORKER_STACK);
}

int pool_workers(void) { return atomic_load(&pool.workers); }

/* Without the pool; nothing is known of it here, because it may be at another caller's task. */
static int run_alone(place *here, pool_task *task, void *context, int64_t pieces)
{
    atomic_int stop = 0;
    watch w = NEW_WATCH;
    here->stop = &stop;
    here->watch = &w;
    for (int64_t piece = 0; piece < pieces; piece++) {
        if (piece > 0 && fi_stop_asked())
            break;
        task(context, piece);
    }
    return atomic_load(&stop);
}

static int run_together(place *here, pool_task *task, void *context, int64_t pieces, int helpers)
{
    watch w = NEW_WATCH;
    here->stop = &pool.stop;
    here->watch = &w;
    make_workers(helpers);

    system_take(&pool.lock);
    pool.task = task;
    pool.context = context;
    pool.pieces = pieces;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.stop, 0);
    pool.tickets = helpers < pool.workers ? helpers : pool.workers;
    for (int i = 0; i < pool.tickets; i++)
        system_wake(&pool.wake);
    system_give(&pool.lock);

    work();

    /* Who has not joined by now is not needed. The others are at their last piece: look a moment before
     * going to sleep. */
    system_take(&pool.lock);
    pool.tickets = 0;
    system_give(&pool.lock);
    for (int64_t start = system_nanoseconds(); atomic_load(&pool.active) > 0;)
        if (system_nanoseconds() - start > SPIN_NANOSECONDS)
            break;
    system_take(&pool.lock);
    while (atomic_load(&pool.active) > 0)
        system_wait(&pool.done, &pool.lock);
    system_give(&pool.lock);
    const int stopped = atomic_load(&pool.stop);
    system_give(&pool.owner);
    return stopped;
}

int pool_run(pool_task *task, void *context, int64_t pieces, int threads)
{
    int helpers = threads - 1 < MOST_WORKERS ? threads - 1 : MOST_WORKERS;
    if (helpers > pieces - 1)
        helpers = (int)(pieces - 1);
    place *here = &now;
    FI_OPAQUE(here); /* to look it up once more takes as long as much of a short call */
    const place outer = *here; /* who is asked may call, too */
    const int stopped = helpers < 1 || !system_try(&pool.owner) ? run_alone(here, task, context, pieces)
                                                                : run_together(here, task, context, pieces, helpers);
    *here = outer;
    return stopped;
}
