/* How large a thread's stack must be made, for system_posix.c. */
#ifndef FASTINIT_STACK_H
#define FASTINIT_STACK_H

#include <stddef.h>

/* The size to ask for, so that at least `usable` bytes of the stack are left for the thread's own frames. 0 if that
 * cannot be told now, because no thread can be made. Blocks no signals. */
size_t stack_size(size_t usable);

#endif
