/* From a batch of orthogonal matrices to panels of vectors and strips of columns, divided among threads. */
#include <stdatomic.h>

#include "kernels.h"
#include "pool.h"
#include "simd/fpmode.h"

#define LINE 64
#define MOST_THREADS 256 /* of the pool, the caller included */
/* A batch of matrices that take no more bytes than this is divided matrix by matrix; others are made one
 * after the other, each by all threads. */
#define WHOLE_BYTES ((size_t)1 << 22)

typedef struct {
    const fi_orthogonal_job *job;
    const fi_orthogonal_kernels *kernels;
    fi_orthogonal_matrix matrix; /* the one that all threads work on */
    int64_t panels;              /* all that act on the columns wanted */
    int64_t pieces;              /* groups of strips */
    size_t matrix_bytes, scratch_bytes;
    int whole;
    int slots;                   /* threads, each with a scratch of its own while it does a piece */
    atomic_flag taken[MOST_THREADS];
    unsigned char *scratch;
} run;

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

static int64_t panel_count(const fi_orthogonal_job *job)
{
    return (job->last_column * (job->complex_numbers ? 2 : 1) + FI_PANEL - 1) / FI_PANEL;
}

static fi_orthogonal_matrix describe(const fi_orthogonal_job *job, int64_t number)
{
    const int64_t parts = job->complex_numbers ? 2 : 1;
    const fi_orthogonal_matrix matrix = {job, number, job->rows * parts, job->columns * parts, 0, 0, 0};
    return matrix;
}

/* Give the matrix its places from `at` on; return the bytes that they take. */
static size_t place(fi_orthogonal_matrix *matrix, unsigned char *at)
{
    const size_t item = fi_itemsize(matrix->job->normal->dtype);
    const int64_t panels = panel_count(matrix->job);
    size_t elements = 0;
    for (int64_t p = 0; p < panels; p++)
        elements += (size_t)(FI_PANEL * fi_panel_stride(matrix->height, p));
    const size_t factors = lines(elements * item), scales = factors + lines((size_t)panels * FI_PANEL * FI_PANEL * item);
    if (at) {
        matrix->panels = at;
        matrix->factors = at + factors;
        matrix->scales = at + scales;
    }
    return scales + lines((size_t)panels * FI_PANEL * item);
}

static void prepare(run *r, const fi_orthogonal_job *job, int threads)
{
    r->job = job;
    r->kernels = fi_current_kernels()->orthogonal[job->normal->dtype];
    r->matrix = describe(job, job->first_matrix);
    r->panels = panel_count(job);
    r->pieces = (job->last_column - job->first_column + r->kernels->columns - 1) / r->kernels->columns;
    r->matrix_bytes = place(&r->matrix, 0);
    r->scratch_bytes = lines(r->kernels->scratch(&r->matrix));
    r->slots = threads < 1 ? 1 : threads < MOST_THREADS ? threads : MOST_THREADS;
    r->whole = job->matrices >= 2 * (int64_t)r->slots && r->matrix_bytes <= WHOLE_BYTES;
    if (r->whole) {
        r->scratch_bytes += r->matrix_bytes;
        r->matrix_bytes = 0;
    }
}

size_t fi_orthogonal_workspace(const fi_orthogonal_job *job, int threads)
{
    run r;
    prepare(&r, job, threads);
    return r.matrix_bytes + (size_t)r.slots * r.scratch_bytes + LINE;
}

/* There is a free slot: no more threads than slots do pieces at a time. */
static int take_slot(run *r)
{
    for (int i = 0;; i = i + 1 < r->slots ? i + 1 : 0)
        if (!atomic_flag_test_and_set(&r->taken[i]))
            return i;
}

static void do_panel(run *r, int64_t piece, unsigned char *scratch)
{
    r->kernels->panel(&r->matrix, piece, scratch);
}

static void do_strips(run *r, int64_t piece, unsigned char *scratch)
{
    /* Those with the most work come first. */
    const fi_orthogonal_job *job = r->job;
    const int64_t first = job->first_column + (r->pieces - 1 - piece) * r->kernels->columns;
    const int64_t last = first + r->kernels->columns;
    r->kernels->strips(&r->matrix, first, last < job->last_column ? last : job->last_column, scratch);
}

static void do_matrix(run *r, int64_t piece, unsigned char *scratch)
{
    run one = {.job = r->job, .kernels = r->kernels, .pieces = r->pieces};
    one.matrix = describe(r->job, r->job->first_matrix + piece);
    scratch += place(&one.matrix, scratch);
    for (int64_t i = 0; i < r->panels; i++)
        do_panel(&one, i, scratch);
    for (int64_t i = 0; i < r->pieces; i++)
        do_strips(&one, i, scratch);
}

static void with_scratch(run *r, int64_t piece, void (*task)(run *r, int64_t piece, unsigned char *scratch))
{
    const int slot = take_slot(r);
    const fpmode before = fpmode_enter();
    task(r, piece, r->scratch + (size_t)slot * r->scratch_bytes);
    fpmode_leave(before);
    atomic_flag_clear(&r->taken[slot]);
}

static void panel_task(void *context, int64_t piece) { with_scratch(context, piece, do_panel); }
static void strips_task(void *context, int64_t piece) { with_scratch(context, piece, do_strips); }
static void matrix_task(void *context, int64_t piece) { with_scratch(context, piece, do_matrix); }

void fi_orthogonal(const fi_orthogonal_job *job, void *workspace, int threads)
{
    run r;
    unsigned char *at = (unsigned char *)workspace + (LINE - (uintptr_t)workspace % LINE) % LINE;
    prepare(&r, job, threads);
    for (int i = 0; i < r.slots; i++)
        atomic_flag_clear(&r.taken[i]);
    r.scratch = at + r.matrix_bytes;
    if (r.whole) {
        pool_run(matrix_task, &r, job->matrices, r.slots);
        return;
    }
    for (int64_t i = 0; i < job->matrices; i++) {
        r.matrix = describe(job, job->first_matrix + i);
        place(&r.matrix, at);
        pool_run(panel_task, &r, r.panels, r.slots);
        pool_run(strips_task, &r, r.pieces, r.slots);
    }
}

void fi_narrow(fi_dtype from, const void *x, fi_dtype to, void *out, int64_t count)
{
    const fpmode before = fpmode_enter();
    fi_current_kernels()->narrow(from, x, to, out, count);
    fpmode_leave(before);
}
