/* From a batch of orthogonal matrices to panels of vectors and strips of columns, divided among threads. */
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

#define LINE 64
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
    int threads;
    slots scratch;
} run;

static size_t lines(size_t bytes) { return (size_t)round_up((int64_t)bytes, LINE); }

static int64_t panel_count(const fi_orthogonal_job *job)
{
    return chunks(job->last_column * (job->complex_numbers ? 2 : 1), FI_PANEL);
}

static fi_orthogonal_matrix describe(const fi_orthogonal_job *job, int64_t number)
{
    const int64_t parts = job->complex_numbers ? 2 : 1;
    const fi_orthogonal_matrix matrix = {job, number, job->rows * parts, job->columns * parts, 0, 0, 0};
    return matrix;
}

/* Give the matrix its places from there on; return the bytes that they take. */
static size_t place(fi_orthogonal_matrix *matrix, unsigned char *from)
{
    const size_t item = fi_itemsize(matrix->job->normal->dtype);
    const int64_t panels = panel_count(matrix->job);
    size_t elements = 0;
    for (int64_t p = 0; p < panels; p++)
        elements += (size_t)(FI_PANEL * fi_panel_stride(matrix->height, p));
    const size_t factors = lines(elements * item), scales = factors + lines((size_t)panels * FI_PANEL * FI_PANEL * item);
    if (from) {
        matrix->panels = from;
        matrix->factors = from + factors;
        matrix->scales = from + scales;
    }
    return scales + lines((size_t)panels * FI_PANEL * item);
}

static void prepare(run *r, const fi_orthogonal_job *job, int threads)
{
    r->job = job;
    r->kernels = fi_current_kernels()->orthogonal[job->normal->dtype];
    r->matrix = describe(job, job->first_matrix);
    r->panels = panel_count(job);
    r->pieces = chunks(job->last_column - job->first_column, r->kernels->columns);
    r->matrix_bytes = place(&r->matrix, 0);
    r->scratch_bytes = lines(r->kernels->scratch(&r->matrix));
    r->threads = threads_for(MOST_SLOTS, threads);
    r->whole = job->matrices >= 2 * (int64_t)r->threads && r->matrix_bytes <= WHOLE_BYTES;
    if (r->whole) {
        r->scratch_bytes += r->matrix_bytes;
        r->matrix_bytes = 0;
    }
}

size_t fi_orthogonal_workspace(const fi_orthogonal_job *job, int threads)
{
    run r;
    prepare(&r, job, threads);
    return r.matrix_bytes + (size_t)r.threads * r.scratch_bytes + LINE;
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
    r->kernels->strips(&r->matrix, first, least(first + r->kernels->columns, job->last_column), scratch);
}

static void do_matrix(run *r, int64_t piece, unsigned char *scratch)
{
    run one = {.job = r->job, .kernels = r->kernels, .pieces = r->pieces};
    one.matrix = describe(r->job, r->job->first_matrix + piece);
    scratch += place(&one.matrix, scratch);
    for (int64_t i = 0; i < r->panels && !fi_stop_asked(); i++)
        do_panel(&one, i, scratch);
    for (int64_t i = 0; i < r->pieces && !fi_stop_asked(); i++)
        do_strips(&one, i, scratch);
}

static void with_scratch(run *r, int64_t piece, void (*task)(run *r, int64_t piece, unsigned char *scratch))
{
    const int slot = slots_take(&r->scratch);
    const fpmode before = fpmode_enter();
    task(r, piece, slots_at(&r->scratch, slot));
    fpmode_leave(before);
    slots_give(&r->scratch, slot);
}

static void panel_task(void *context, int64_t piece) { with_scratch(context, piece, do_panel); }
static void strips_task(void *context, int64_t piece) { with_scratch(context, piece, do_strips); }
static void matrix_task(void *context, int64_t piece) { with_scratch(context, piece, do_matrix); }

int fi_orthogonal(const fi_orthogonal_job *job, void *workspace, int threads)
{
    run r;
    unsigned char *from = (unsigned char *)workspace + (LINE - (uintptr_t)workspace % LINE) % LINE;
    prepare(&r, job, threads);
    slots_make(&r.scratch, from + r.matrix_bytes, r.scratch_bytes, r.threads);
    if (r.whole) {
        return pool_run(matrix_task, &r, job->matrices, r.threads);
    }
    for (int64_t i = 0; i < job->matrices; i++) {
        r.matrix = describe(job, job->first_matrix + i);
        place(&r.matrix, from);
        if (pool_run(panel_task, &r, r.panels, r.threads) || pool_run(strips_task, &r, r.pieces, r.threads))
            return 1;
    }
    return 0;
}

#define NARROW_PIECE 65536

typedef struct {
    fi_dtype from, to;
    const void *x;
    void *out;
    int64_t count;
} narrowing;

static void narrow_piece(void *context, int64_t piece)
{
    const narrowing *job = context;
    const int64_t first = piece * NARROW_PIECE;
    const fpmode before = fpmode_enter();
    fi_current_kernels()->narrow(job->from, at(job->x, first, fi_itemsize(job->from)), job->to,
                                 at(job->out, first, fi_itemsize(job->to)), least(job->count - first, NARROW_PIECE));
    fpmode_leave(before);
}

int fi_narrow(fi_dtype from, const void *x, fi_dtype to, void *out, int64_t count)
{
    narrowing job = {from, to, x, out, count};
    return pool_run(narrow_piece, &job, chunks(count, NARROW_PIECE), 1);
}
