/* Activations of whole arrays, divided among threads. */
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"

/* Elements of one piece of work, as in fill.c; where rows matter, that many in whole rows. */
#define PIECE 65536

typedef struct {
    fi_activate_run *run;
    const fi_function *function;
    const unsigned char *x;
    const fi_scattered *from; /* or NULL: what becomes x where it will be overwritten, in out */
    unsigned char *out;
    int64_t itemsize, count; /* elements in all */
    int64_t piece;           /* elements in a piece: whole rows */
    int64_t columns;         /* of a row, if rows matter, or 1 */
    int64_t in_each;         /* elements of x for one of out */
} activation;

static void do_piece(void *context, int64_t piece)
{
    const activation *job = context;
    const int64_t first = piece * job->piece, rest = job->count - first;
    const int64_t last = first + (rest < job->piece ? rest : job->piece);
    const fpmode before = fpmode_enter();
    if (job->from)
        fi_gather(job->from, first, last - first, job->out + first * job->itemsize);
    job->run(job->function, job->x + first * job->itemsize, job->out + first * job->itemsize / job->in_each,
             (size_t)((last - first) / job->columns), (size_t)job->columns);
    fpmode_leave(before);
}

static int activate_rows(fi_dtype dtype, const fi_function *function, const void *x, const fi_scattered *from,
                         void *out, int64_t rows, int64_t columns, int threads)
{
    const int by_rows = works_on_rows(function->activation);
    activation job = {fi_current_kernels()->activate[function->activation][dtype],
                      function,
                      x,
                      from,
                      out,
                      (int64_t)fi_itemsize(dtype),
                      rows * columns,
                      PIECE,
                      1,
                      takes_halves(function->activation) ? 2 : 1};
    if (job.count == 0)
        return 0;
    if (by_rows) {
        job.columns = columns;
        job.piece = columns < PIECE ? PIECE / columns * columns : columns;
    }
    if (from)
        job.piece = fi_gathered_rows(columns, PIECE) * columns;
    return pool_run(do_piece, &job, (job.count + job.piece - 1) / job.piece, threads);
}

int fi_activate(fi_dtype dtype, const fi_function *function, const void *x, void *out, int64_t rows, int64_t columns,
                int threads)
{
    return activate_rows(dtype, function, x, 0, out, rows, columns, threads);
}

int fi_activate_scattered(fi_dtype dtype, const fi_function *function, const fi_scattered *x, void *out, int threads)
{
    return activate_rows(dtype, function, out, x, out, x->elements / x->columns, x->columns, threads);
}

const char *fi_activation_name(fi_activation activation)
{
#define FI_ACTIVATION(CODE, name, takes) [FI_##CODE] = #name,
    static const char *const names[FI_ACTIVATION_COUNT] = {
#include "activations.def"
    };
    return names[activation];
}

fi_takes fi_activation_takes(fi_activation activation)
{
#define FI_ACTIVATION(CODE, name, takes) [FI_##CODE] = takes,
    static const fi_takes all[FI_ACTIVATION_COUNT] = {
#include "activations.def"
    };
    return all[activation];
}

/* What takes a few operations is nearly done by the time that a second thread has come: on a Zen 3, two threads took 1.3
 * times as long at half a megabyte, and 0.8 of it at two. */
int64_t fi_activation_threaded_bytes(fi_activation activation)
{
    switch (activation) {
    case FI_LINEAR:
    case FI_RELU:
    case FI_RELU6:
    case FI_LEAKY_RELU:
    case FI_PRELU:
    case FI_RELU_SQUARED:
    case FI_THRESHOLD:
    case FI_THRESHOLDED_RELU:
    case FI_HARD_SIGMOID:
    case FI_HARD_SILU:
    case FI_HARD_TANH:
    case FI_HARD_SHRINK:
    case FI_SOFT_SHRINK:
    case FI_SOFTSIGN:
    case FI_SPARSE_PLUS:
    case FI_SPARSE_SIGMOID: return 4 * FI_THREADED_BYTES;
    default: return FI_THREADED_BYTES;
    }
}

const fi_parameter *fi_parameter_at(int number)
{
#define FI_PARAMETER(CODE, name, standard, limit) {FI_##CODE, #name, standard, limit},
    static const fi_parameter all[] = {
#include "activations.def"
    };
    return number < (int)(sizeof all / sizeof all[0]) ? all + number : 0;
}

const fi_alias *fi_alias_at(int number)
{
#define FI_ALIAS(CODE, name) {FI_##CODE, #name},
    static const fi_alias all[] = {
#include "activations.def"
    };
    return number < (int)(sizeof all / sizeof all[0]) ? all + number : 0;
}

fi_function fi_standard_function(fi_activation activation)
{
    fi_function function = {.activation = activation};
    for (int i = 0, own = 0; fi_parameter_at(i); i++)
        if (fi_parameter_at(i)->activation == activation)
            function.parameter[own++] = fi_parameter_at(i)->standard;
    return function;
}
