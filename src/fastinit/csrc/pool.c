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

/* So often is asked; and so often, about, is the clock read, which takes as long as a very small piece, but at least
 * once in so many pieces. */
#define ASK_NANOSECONDS 50000000
#define LOOK_NANOSECONDS 1000000
#define MOST_PIECES_BETWEEN_LOOKS 16

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
    atomic_int stop;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

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

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

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
    const int64_t time = nanoseconds();
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
    w->looked = w->asked = nanoseconds();
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

static void *worker(void *unused)
{
    (void)unused;
    now.stop = &pool.stop;
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

int pool_workers(void) { return atomic_load(&pool.workers); }

/* Without the pool; nothing is known of it here, because it may be at another caller's task. */
static int run_alone(pool_task *task, void *context, int64_t pieces)
{
    atomic_int stop = 0;
    watch w = NEW_WATCH;
    now.stop = &stop;
    now.watch = &w;
    for (int64_t piece = 0; piece < pieces; piece++) {
        if (piece > 0 && fi_stop_asked())
            break;
        task(context, piece);
    }
    return atomic_load(&stop);
}

static int run_together(pool_task *task, void *context, int64_t pieces, int helpers)
{
    watch w = NEW_WATCH;
    now.stop = &pool.stop;
    now.watch = &w;
    make_workers(helpers);

    pthread_mutex_lock(&pool.lock);
    pool.task = task;
    pool.context = context;
    pool.pieces = pieces;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.stop, 0);
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
    const int stopped = atomic_load(&pool.stop);
    pthread_mutex_unlock(&pool.owner);
    return stopped;
}

int pool_run(pool_task *task, void *context, int64_t pieces, int threads)
{
    int helpers = threads - 1 < MOST_WORKERS ? threads - 1 : MOST_WORKERS;
    if (helpers > pieces - 1)
        helpers = (int)(pieces - 1);
    const place outer = now; /* who is asked may call, too */
    const int stopped = helpers < 1 || pthread_mutex_trylock(&pool.owner) != 0
                            ? run_alone(task, context, pieces)
                            : run_together(task, context, pieces, helpers);
    now = outer;
    return stopped;
}
