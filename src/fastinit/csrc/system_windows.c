#ifdef _WIN32
#include "system.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define SYSTEMS_PART ((size_t)64 * 1024) /* of a stack: guard pages, and what a thread's start takes */

_Static_assert(sizeof(system_lock) == sizeof(SRWLOCK) && sizeof(system_condition) == sizeof(CONDITION_VARIABLE),
               "both are one pointer, and zero at first");

int64_t system_nanoseconds(void)
{
    LARGE_INTEGER ticks, of_a_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&of_a_second);
    return ticks.QuadPart / of_a_second.QuadPart * 1000000000 +
           ticks.QuadPart % of_a_second.QuadPart * 1000000000 / of_a_second.QuadPart;
}

void system_take(system_lock *lock) { AcquireSRWLockExclusive((SRWLOCK *)lock); }
int system_try(system_lock *lock) { return TryAcquireSRWLockExclusive((SRWLOCK *)lock) != 0; }
void system_give(system_lock *lock) { ReleaseSRWLockExclusive((SRWLOCK *)lock); }

void system_wait(system_condition *condition, system_lock *lock)
{
    SleepConditionVariableSRW((CONDITION_VARIABLE *)condition, (SRWLOCK *)lock, INFINITE, 0);
}
void system_wake(system_condition *condition) { WakeConditionVariable((CONDITION_VARIABLE *)condition); }

void system_make_lock(system_lock *lock) { InitializeSRWLock((SRWLOCK *)lock); }
void system_make_condition(system_condition *condition)
{
    InitializeConditionVariable((CONDITION_VARIABLE *)condition);
}

static void (*body_of_all)(void);

static DWORD WINAPI run(void *unused)
{
    (void)unused;
    body_of_all();
    return 0;
}

int system_start(void (*body)(void), int count, size_t stack)
{
    int started = 0;
    body_of_all = body;
    for (; started < count; started++) {
        const HANDLE thread =
            CreateThread(NULL, stack + SYSTEMS_PART, run, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        if (!thread)
            break;
        CloseHandle(thread); /* it runs on */
    }
    return started;
}

void system_after_fork(void (*handler)(void)) { (void)handler; }

#endif
