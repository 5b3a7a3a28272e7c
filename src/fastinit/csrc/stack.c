/* A system may put more on a thread's stack than the thread's frames. glibc puts the static TLS of the whole process
 * there: of the program, of all libraries that it was started with, and a surplus that GLIBC_TUNABLES sets; it can be
 * of any size, and no public function tells it. So a thread on memory of our own says how far down it begins.
 */
#ifndef _WIN32
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include "stack.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_SIZE ((size_t)1 << 18)
#define LAST_SIZE ((size_t)1 << 32) /* it is address space; only what is touched becomes memory */

typedef struct {
    const char *lowest;
    size_t left;
} probe;

static void *look(void *context)
{
    probe *p = context;
    p->left = (size_t)((const char *)__builtin_frame_address(0) - p->lowest);
    return NULL;
}

/* Run `look` on a stack of so many bytes; 0, or an error's number. */
static int run_probe(size_t size, size_t *left)
{
    pthread_attr_t attributes;
    pthread_t thread;
    probe p = {.left = 0};
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ENOMEM;
    p.lowest = memory;
    pthread_attr_init(&attributes);
    int error = pthread_attr_setstack(&attributes, memory, size);
    if (error == 0)
        error = pthread_create(&thread, &attributes, look, &p);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        pthread_join(thread, NULL);
    munmap(memory, size);
    *left = p.left;
    return error;
}

size_t stack_size(size_t usable)
{
    for (size_t size = FIRST_SIZE, left; size <= LAST_SIZE; size *= 2) {
        const int error = run_probe(size, &left);
        if (error == 0) {
            const size_t page = (size_t)sysconf(_SC_PAGESIZE), taken = size - left;
            return (taken + usable + page - 1) / page * page + page; /* some systems take the guard page from it */
        }
        if (error != EINVAL) /* which says that the stack is too small for what the system puts there */
            break;
    }
    return 0;
}

#endif
