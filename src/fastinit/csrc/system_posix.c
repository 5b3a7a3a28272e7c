#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#include "system.h"
#include "stack.h"

#include <signal.h>
#include <time.h>

int64_t system_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void system_take(system_lock *lock) { pthread_mutex_lock(lock); }
int system_try(system_lock *lock) { return pthread_mutex_trylock(lock) == 0; }
void system_give(system_lock *lock) { pthread_mutex_unlock(lock); }

void system_wait(system_condition *condition, system_lock *lock) { pthread_cond_wait(condition, lock); }
void system_wake(system_condition *condition) { pthread_cond_signal(condition); }

void system_make_lock(system_lock *lock) { pthread_mutex_init(lock, NULL); }
void system_make_condition(system_condition *condition) { pthread_cond_init(condition, NULL); }

static void (*body_of_all)(void);

static void *run(void *unused)
{
    (void)unused;
    body_of_all();
    return NULL;
}

int system_start(void (*body)(void), int count, size_t stack)
{
    static size_t size = 0; /* a forked child's are no different */
    pthread_attr_t attributes;
    sigset_t all, before;
    int started = 0;

    sigfillset(&all); /* signals are for the caller's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (size == 0)
        size = stack_size(stack);
    body_of_all = body;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (size > 0 && pthread_attr_setstacksize(&attributes, size) == 0) {
        pthread_t thread;
        while (started < count && pthread_create(&thread, &attributes, run, NULL) == 0)
            started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

void system_after_fork(void (*handler)(void)) { pthread_atfork(NULL, NULL, handler); }

#endif
