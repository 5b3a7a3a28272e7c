/* What the pool needs of the operating system, in its words: system_posix.c and system_windows.c have them. */
#ifndef FASTINIT_SYSTEM_H
#define FASTINIT_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
typedef struct {
    void *state;
} system_lock, system_condition;
#define SYSTEM_LOCK {0}
#define SYSTEM_CONDITION {0}
#else
#include <pthread.h>
typedef pthread_mutex_t system_lock;
typedef pthread_cond_t system_condition;
#define SYSTEM_LOCK PTHREAD_MUTEX_INITIALIZER
#define SYSTEM_CONDITION PTHREAD_COND_INITIALIZER
#endif

/* Of a clock that never goes back. */
int64_t system_nanoseconds(void);

void system_take(system_lock *lock);
int system_try(system_lock *lock); /* take it if it is free: 1, or 0 */
void system_give(system_lock *lock);

void system_wait(system_condition *condition, system_lock *lock);
void system_wake(system_condition *condition); /* one of those who wait */

/* Make them anew, whatever they were. */
void system_make_lock(system_lock *lock);
void system_make_condition(system_condition *condition);

/* Start up to `count` threads, which nobody waits for and no signal comes to, with at least so many bytes of stack for
 * their own frames; and tell how many there are. One caller at a time, always with the same body and stack. */
int system_start(void (*body)(void), int count, size_t stack);

/* Call this in every child that is forked from now on, where the system forks at all. */
void system_after_fork(void (*handler)(void));

#endif
