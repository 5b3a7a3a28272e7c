/* From a batch of orthogonal matrices to panels of vectors, and on to strips of columns or, of matrices of a single
 * panel, to blocks of rows; divided among threads. */
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

#define LINE 64
/* A batch of matrices that take no more bytes than this is divided matrix by matrix; others are made one
 * after the other, each by all threads. */
#define WHOLE_BYTES ((size_t)1 << 22)
/* A matrix's only panel is kept if it is no larger; else it is drawn again whenever it is wanted, which costs
 * no more than to fetch so much new memory. */
#define KEPT_BYTES ((size_t)1 << 19)
/* Threads take as much scratch as they like up to here, and beyond it no more than the matrix itself. */
#define FREE_BYTES ((size_t)1 << 22)
/* The numbers of small matrices are drawn for several at once, about so many: to begin a run costs as much as some
 * hundred. */
#define DRAWN_AT_ONCE 2048

typedef struct {
    const fi_orthogonal_job *job;
    const fi_orthogonal_kernels *kernels;
    fi_orthogonal_matrix matrix; /* the one that all threads work on */
    int64_t panels;              /* all that act on the columns wanted */
    int64_t first, last, step;   /* columns, or real rows if there is a single panel, and so many in a piece */
    int64_t pieces;
    size_t matrix_bytes, panel_bytes, piece_bytes; /* what a matrix keeps, and scratch for a panel and for a piece */
    int whole;
    int64_t group;      /* whole matrices that are a piece */
    size_t drawn_bytes; /* of their numbers, drawn at once; or 0 */
    int threads, piece_threads; /* for panels, or whole matrices, and for pieces */
    slots scratch;
} run;

static size_t lines(size_t bytes) { return (size_t)round_up((int64_t)bytes, LINE); }
static int64_t parts(const fi_orthogonal_job *job) { return job->complex_numbers ? 2 : 1; }
static int64_t panel_count(int64_t vectors) { return chunks(vectors, FI_PANEL); }

/* Elements of the panels. Of the last there are only as many vectors as are wanted. */
static int64_t panel_elements(int64_t height, int64_t vectors)
{
    int64_t elements = 0;
    for (int64_t p = 0; p < panel_count(vectors); p++)
        elements += least(FI_PANEL, vectors - p * FI_PANEL) * fi_panel_stride(height, p);
    return elements;
}

static fi_orthogonal_matrix describe(const fi_orthogonal_job *job, int64_t number)
{
    const size_t item = fi_itemsize(job->normal->dtype);
    fi_orthogonal_matrix matrix = {.job = job, .number = number};
    matrix.height = job->rows * parts(job);
    matrix.vectors = job->columns * parts(job);
    matrix.wanted = job->last_column * parts(job);
    matrix.kept =
        panel_count(matrix.wanted) > 1 || (size_t)panel_elements(matrix.height, matrix.wanted) * item <= KEPT_BYTES;
    return matrix;
}

/* Give the matrix its places from there on; return the bytes that they take. */
static size_t place(fi_orthogonal_matrix *matrix, unsigned char *from)
{
    const size_t item = fi_itemsize(matrix->job->normal->dtype);
    const int64_t panels = panel_count(matrix->wanted);
    const int64_t elements = matrix->kept ? panel_elements(matrix->height, matrix->wanted) : FI_PANEL * FI_PANEL;
    const size_t factors = lines((size_t)elements * item);
    const size_t scales = factors + lines((size_t)panels * FI_PANEL * FI_PANEL * item);
    if (from) {
        matrix->panels = from;
        matrix->factors = from + factors;
        matrix->scales = from + scales;
    }
    return scales + lines((size_t)panels * FI_PANEL * item);
}

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Pieces are strips of columns: two together, if so many columns are wanted. */
static void divide_columns(run *r, int threads)
{
    const fi_orthogonal_job *job = r->job;
    const int64_t strip = r->kernels->strip_columns, columns = job->last_column - job->first_column;
    r->first = job->first_column;
    r->last = job->last_column;
    r->step = columns >= 2 * strip ? 2 * strip : strip;
    r->pieces = chunks(columns, r->step);
    r->piece_bytes = lines(r->kernels->strips_scratch(&r->matrix, r->step));
    r->piece_threads = threads_for(r->pieces, threads);
    if ((size_t)r->piece_threads * r->piece_bytes > FREE_BYTES)
        r->piece_threads = threads_for(columns / r->step, r->piece_threads);
}

static void divide_rows(run *r, int threads)
{
    r->step = r->kernels->rows;
    r->first = r->job->first_row * parts(r->job) / r->step * r->step;
    r->last = r->job->last_row * parts(r->job);
    r->pieces = chunks(r->last - r->first, r->step);
    r->piece_bytes = lines(r->kernels->thin_scratch);
    r->piece_threads = threads_for(r->pieces, threads);
}

static void prepare(run *r, const fi_orthogonal_job *job, int threads)
{
    r->job = job;
    r->kernels = fi_current_kernels()->orthogonal[job->normal->dtype];
    r->matrix = describe(job, job->first_matrix);
    r->panels = panel_count(r->matrix.wanted);
    r->matrix_bytes = place(&r->matrix, 0);
    r->panel_bytes = lines(r->matrix.kept ? r->kernels->panel_scratch(&r->matrix) : r->kernels->thin_scratch);
    threads = threads_for(MOST_SLOTS, threads);
    if (r->panels > 1)
        divide_columns(r, threads);
    else
        divide_rows(r, threads);
    r->whole = job->matrices >= 2 * (int64_t)threads && r->matrix_bytes <= WHOLE_BYTES;
    r->threads = r->whole ? threads : threads_for(r->panels, threads);
    r->group = 1;
    r->drawn_bytes = 0;
    if (r->whole) {
        const int64_t numbers = job->columns * r->matrix.height;
        if (numbers < DRAWN_AT_ONCE) {
            r->group = least(DRAWN_AT_ONCE / numbers, job->matrices / (2 * (int64_t)threads));
            r->drawn_bytes = lines((size_t)(r->group * numbers + FI_DRAWN_SLACK) * fi_itemsize(job->normal->dtype));
        }
        r->panel_bytes = r->drawn_bytes + r->matrix_bytes + most(r->panel_bytes, r->piece_bytes);
        r->matrix_bytes = r->piece_bytes = 0;
    }
}

size_t fi_orthogonal_workspace(const fi_orthogonal_job *job, int threads)
{
    run r;
    prepare(&r, job, threads);
    return r.matrix_bytes + most((size_t)r.threads * r.panel_bytes, (size_t)r.piece_threads * r.piece_bytes) + LINE;
}

static void do_panel(run *r, int64_t piece, unsigned char *scratch)
{
    if (r->matrix.kept)
        r->kernels->panel(&r->matrix, piece, scratch);
    else
        r->kernels->thin_panel(&r->matrix, scratch);
}

static void do_piece(run *r, int64_t piece, unsigned char *scratch)
{
    /* Columns with the most work come first. */
    const int64_t first = r->first + (r->pieces - 1 - piece) * r->step, last = least(first + r->step, r->last);
    if (r->panels > 1)
        r->kernels->strips(&r->matrix, first, last, scratch);
    else
        r->kernels->thin_rows(&r->matrix, first, last, scratch);
}

static void do_group(run *r, int64_t piece, unsigned char *scratch)
{
    const int64_t first = piece * r->group, count = least(r->group, r->job->matrices - first);
    const size_t each = (size_t)(r->job->columns * r->matrix.height) * fi_itemsize(r->job->normal->dtype);
    unsigned char *const drawn = scratch;
    run one = {.job = r->job, .kernels = r->kernels, .panels = r->panels, .first = r->first};
    one.last = r->last;
    one.step = r->step;
    one.pieces = r->pieces;
    one.matrix = describe(r->job, r->job->first_matrix + first);
    scratch += r->drawn_bytes;
    scratch += place(&one.matrix, scratch);
    if (r->drawn_bytes)
        r->kernels->draw(&one.matrix, count, drawn);
    for (int64_t m = 0; m < count && !fi_stop_asked(); m++, one.matrix.number++) {
        one.matrix.drawn = r->drawn_bytes ? drawn + (size_t)m * each : NULL;
        for (int64_t i = 0; i < r->panels && !fi_stop_asked(); i++)
            do_panel(&one, i, scratch);
        for (int64_t i = 0; i < r->pieces && !fi_stop_asked(); i++)
            do_piece(&one, i, scratch);
    }
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
static void piece_task(void *context, int64_t piece) { with_scratch(context, piece, do_piece); }
static void group_task(void *context, int64_t piece) { with_scratch(context, piece, do_group); }

int fi_orthogonal(const fi_orthogonal_job *job, void *workspace, int threads)
{
    run r;
    unsigned char *from = (unsigned char *)workspace + (LINE - (uintptr_t)workspace % LINE) % LINE;
    prepare(&r, job, threads);
    if (r.whole) {
        slots_make(&r.scratch, from, r.panel_bytes, r.threads);
        return pool_run(group_task, &r, chunks(job->matrices, r.group), r.threads);
    }
    for (int64_t i = 0; i < job->matrices; i++) {
        r.matrix = describe(job, job->first_matrix + i);
        place(&r.matrix, from);
        slots_make(&r.scratch, from + r.matrix_bytes, r.panel_bytes, r.threads);
        if (pool_run(panel_task, &r, r.panels, r.threads))
            return 1;
        slots_make(&r.scratch, from + r.matrix_bytes, r.piece_bytes, r.piece_threads);
        if (pool_run(piece_task, &r, r.pieces, r.piece_threads))
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
