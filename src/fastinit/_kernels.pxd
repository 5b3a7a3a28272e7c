# The C interface, line for line; csrc/fastinit.h documents it.
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from *:
    const char *FASTINIT_VERSION  # given by setup.py


cdef extern from "fastinit.h" nogil:
    ctypedef enum fi_dtype:
        FI_F32
        FI_F16
        FI_BF16
        FI_F64
        FI_U32

    ctypedef struct fi_plan:
        fi_dtype dtype

    ctypedef struct fi_source:
        uint64_t key
        uint64_t stream
        const uint32_t *words

    int FI_WORDS_PADDING
    enum:
        FI_MAX_NDIM

    void fi_plan_words(fi_plan *plan) noexcept
    void fi_plan_uniform(fi_plan *plan, fi_dtype dtype, double low, double high) noexcept
    void fi_plan_symmetric_uniform(fi_plan *plan, fi_dtype dtype, double limit) noexcept
    void fi_plan_normal(fi_plan *plan, fi_dtype dtype, double mean, double std, double lower, double upper) noexcept

    ctypedef struct fi_job:
        const fi_plan *plan
        fi_source source
        int ndim
        int64_t shape[32]
        int64_t start[32]
        int64_t stop[32]
        void *out

    void fi_fill(fi_job *jobs, int64_t count, int threads) noexcept
    size_t fi_itemsize(fi_dtype dtype) noexcept

    ctypedef enum fi_activation:
        FI_LINEAR
        FI_RELU
        FI_RELU6
        FI_LEAKY_RELU
        FI_ELU
        FI_SELU
        FI_GELU
        FI_GELU_TANH
        FI_SILU
        FI_SIGMOID
        FI_HARD_SIGMOID
        FI_HARD_SILU
        FI_TANH
        FI_SOFTPLUS
        FI_SOFTSIGN
        FI_MISH
        FI_EXP
        FI_SOFTMAX
        FI_LOG_SOFTMAX
        FI_ACTIVATION_COUNT

    void fi_activate(fi_dtype dtype, fi_activation kind, double parameter, const void *x, void *out, int64_t rows,
                     int64_t columns, int threads) noexcept

    ctypedef struct fi_orthogonal_job:
        const fi_plan *normal
        fi_source source
        bint complex_numbers
        int64_t rows
        int64_t columns
        int64_t first_matrix
        int64_t matrices
        int64_t first_column
        int64_t last_column
        double gain
        void *out
        int64_t matrix_step
        int64_t row_step
        int64_t column_step

    size_t fi_orthogonal_workspace(const fi_orthogonal_job *job, int threads) noexcept
    void fi_orthogonal(const fi_orthogonal_job *job, void *workspace, int threads) noexcept
    void fi_narrow(fi_dtype source_dtype, const void *x, fi_dtype to, void *out, int64_t count) noexcept

    int fi_isa_count() noexcept
    const char *fi_isa_name(int isa) noexcept
    bint fi_isa_compiled(int isa) noexcept
    bint fi_isa_runnable(int isa) noexcept
    int fi_isa_current() noexcept
    void fi_isa_use(int isa) noexcept

    double fi_exp(double x) noexcept
    double fi_log(double x) noexcept
    double fi_erf_sqrt2(double x) noexcept
    double fi_erfc_sqrt2(double x) noexcept
    float fi_scalar_fma32(float a, float b, float c) noexcept
    double fi_scalar_fma64(double a, double b, double c) noexcept
