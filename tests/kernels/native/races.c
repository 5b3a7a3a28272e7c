/* Fills, products, networks and orthogonal matrices from several threads at once, each on several threads of the pool,
 * for ThreadSanitizer to watch; test_races.py compiles and runs it. It prints `equal` if every call gave the bits that one
 * thread alone gives.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastinit.h"

enum { CALLERS = 3, ROUNDS = 6, ROWS = 96, WIDTH = 256, DRAWN = 1 << 18, MATRIX = 96, LAYERS = 2 };

static fi_law standard, uniform;
static float *x, *weight, *bias;
static void *strips;

static void *allocate(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (!memory)
        exit(2);
    return memory;
}

static void draw(const fi_law *law, uint64_t key, int64_t count, void *out, int threads)
{
    fi_job job = {law, {key, 0, 0}, .ndim = 1, .shape = {count}, .stop = {count}, .out = out};
    fi_fill(&job, 1, threads);
}

/* Two tensors in one hand-off. */
static void fill(float *out, int threads)
{
    fi_job jobs[2] = {
        {&standard, {5, 1, 0}, .ndim = 1, .shape = {DRAWN / 2}, .stop = {DRAWN / 2}, .out = out},
        {&uniform, {6, 1, 0}, .ndim = 1, .shape = {DRAWN / 2}, .stop = {DRAWN / 2}, .out = out + DRAWN / 2},
    };
    fi_fill(jobs, 2, threads);
}

static void multiply(float *out, int threads)
{
    fi_dense_job job = {.dtype = FI_F32, .rows = ROWS, .depth = WIDTH, .columns = WIDTH, .x = x, .x_row = WIDTH,
                        .weight = weight, .weight_row = WIDTH, .weight_column = 1, .bias = bias, .out = out,
                        .function = fi_standard_function(FI_GELU)};
    fi_dense_plan plan;
    fi_plan_dense(&job, threads, &plan);
    void *const workspace = allocate(plan.workspace);
    fi_dense(&job, &plan, workspace);
    free(workspace);
}

static void run(float *out, int threads)
{
    fi_layer layers[LAYERS];
    for (int i = 0; i < LAYERS; i++)
        layers[i] = (fi_layer){.depth = WIDTH, .columns = WIDTH, .strips = strips, .bias = bias,
                               .function = fi_standard_function(FI_TANH)};
    fi_network_job job = {.dtype = FI_F32, .count = LAYERS, .layers = layers, .items = 1, .rows = ROWS, .x = x,
                          .x_row = WIDTH, .out = out};
    fi_network_plan plan;
    fi_plan_network(&job, threads, &plan);
    void *const workspace = allocate(plan.workspace);
    fi_network(&job, &plan, workspace);
    free(workspace);
}

static void orthogonal(float *out, int threads)
{
    fi_orthogonal_job job = {.normal = &standard, .source = {7, 0, 0}, .rows = MATRIX, .columns = MATRIX, .matrices = 2,
                             .last_column = MATRIX, .last_row = MATRIX, .dtype = FI_F32, .gain = 1, .out = out,
                             .matrix_step = MATRIX * MATRIX, .row_step = MATRIX, .column_step = 1};
    void *const workspace = allocate(fi_orthogonal_workspace(&job, threads));
    fi_orthogonal(&job, workspace, threads);
    free(workspace);
}

static const struct {
    void (*call)(float *out, int threads);
    int64_t count;
} calls[] = {{fill, DRAWN}, {multiply, ROWS * WIDTH}, {run, ROWS * WIDTH}, {orthogonal, 2 * MATRIX * MATRIX}};
enum { CALLS = sizeof calls / sizeof *calls };
static float *expected[CALLS];

static void *caller(void *number)
{
    for (int i = 0; i < ROUNDS * CALLS; i++) {
        const int which = (i + (int)(intptr_t)number) % CALLS;
        const size_t bytes = (size_t)calls[which].count * sizeof(float);
        float *const out = allocate(bytes);
        calls[which].call(out, 2 + i % 3);
        const int differs = memcmp(out, expected[which], bytes) != 0;
        free(out);
        if (differs)
            return (void *)"other bits";
    }
    return 0;
}

int main(void)
{
    fi_law_normal(&standard, FI_F32, 0, 1, -INFINITY, INFINITY);
    fi_law_uniform(&uniform, FI_F32, -1, 1);
    x = allocate(ROWS * WIDTH * sizeof(float));
    weight = allocate(WIDTH * WIDTH * sizeof(float));
    bias = allocate(WIDTH * sizeof(float));
    strips = allocate((size_t)(fi_packed_size(WIDTH, WIDTH) + FI_PACKED_SLACK) * sizeof(float));
    draw(&standard, 1, ROWS * WIDTH, x, 1);
    draw(&standard, 2, WIDTH * WIDTH, weight, 1);
    draw(&standard, 3, WIDTH, bias, 1);
    fi_pack(FI_F32, weight, WIDTH, 1, WIDTH, WIDTH, strips);
    for (int i = 0; i < CALLS; i++) {
        expected[i] = allocate((size_t)calls[i].count * sizeof(float));
        calls[i].call(expected[i], 1);
    }
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        if (pthread_create(&threads[i], 0, caller, (void *)(intptr_t)i))
            return 3;
    int equal = 1;
    for (int i = 0; i < CALLERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        equal &= !result;
    }
    puts(equal ? "equal" : "other bits");
    return !equal;
}
