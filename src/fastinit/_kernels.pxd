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
        FI_DTYPE_COUNT

    ctypedef struct fi_law:
        fi_dtype dtype

    ctypedef struct fi_source:
        uint64_t key
        uint64_t stream
        const uint32_t *words

    int FI_WORDS_PADDING
    enum:
        FI_MAX_NDIM

    void fi_law_words(fi_law *law) noexcept
    void fi_law_uniform(fi_law *law, fi_dtype dtype, double low, double high) noexcept
    void fi_law_symmetric_uniform(fi_law *law, fi_dtype dtype, double limit) noexcept
    void fi_law_normal(fi_law *law, fi_dtype dtype, double mean, double std, double lower, double upper) noexcept
    void fi_law_normal_between(fi_law *law, fi_dtype dtype, double mean, double std, double low, double high) noexcept
    ctypedef enum fi_fan:
        FI_FAN_ITSELF
        FI_FAN_HALF
        FI_FAN_ROOT
    ctypedef enum fi_scaled:
        FI_SCALED_TRUNCATED_NORMAL
        FI_SCALED_NORMAL
        FI_SCALED_UNIFORM
    double fi_scaled_spread(double scale, double fans, fi_fan fan, fi_scaled kind) noexcept

    ctypedef struct fi_job:
        const fi_law *law
        fi_source source
        int ndim
        int64_t shape[32]
        int64_t start[32]
        int64_t stop[32]
        void *out

    uint64_t fi_enter_standard_mode() noexcept
    void fi_leave_standard_mode(uint64_t before) noexcept

    ctypedef struct fi_array:
        const void *data
        int64_t itemsize
        int ndim
        const int64_t *shape
        const int64_t *strides

    ctypedef struct fi_shape:
        int ndim
        int64_t count
        int64_t *sizes

    ctypedef struct fi_scattered:
        int64_t elements

    bint fi_contiguous(const fi_array *a) noexcept
    bint fi_aligned(const fi_array *a) noexcept
    bint fi_apart(const fi_array *a, const fi_array *b) noexcept
    bint fi_has_shape(const fi_array *a, const fi_shape *shape) noexcept

    # 1 if what it asks set an exception
    void fi_ask_with(int (*asked)() noexcept nogil) noexcept
    int fi_fill(fi_job *jobs, int64_t count, int threads) except 1 nogil
    size_t fi_itemsize(fi_dtype dtype) noexcept

    ctypedef enum fi_activation:
        FI_ACTIVATION_COUNT

    ctypedef enum fi_takes:
        FI_VALUES
        FI_ROWS
        FI_HALVES

    ctypedef enum fi_limit:
        FI_FINITE
        FI_POSITIVE
        FI_NOT_NEGATIVE_FINITE
        FI_NOT_NEGATIVE
        FI_ANY
        FI_NOT_BELOW
        FI_FINITE_OR_ARRAY

    ctypedef struct fi_parameter:
        fi_activation activation
        const char *name
        double standard
        fi_limit limit

    ctypedef struct fi_alias:
        fi_activation activation
        const char *name

    const char *fi_activation_name(fi_activation activation) noexcept
    fi_takes fi_activation_takes(fi_activation activation) noexcept
    int64_t fi_activation_threaded_bytes(fi_activation activation) noexcept
    const fi_parameter *fi_parameter_at(int number) noexcept
    const fi_alias *fi_alias_at(int number) noexcept

    enum:
        FI_MOST_PARAMETERS

    ctypedef struct fi_function:
        fi_activation activation
        double parameter[3]
        const void *of_columns

    fi_function fi_standard_function(fi_activation activation) noexcept
    int fi_activate(fi_dtype dtype, const fi_function *function, const void *x, void *out, int64_t rows,
                    int64_t columns, int threads) except 1 nogil
    int fi_activate_scattered(fi_dtype dtype, const fi_function *function, const fi_scattered *x, void *out,
                              int threads) except 1 nogil
    bint fi_lay_out_activation(const fi_array *x, fi_scattered *scattered) noexcept

    ctypedef struct fi_dense_job:
        fi_dtype dtype
        void *out
        fi_function function
        int64_t columns

    bint fi_lay_out_dense(fi_dense_job *job, const fi_array *x, const fi_array *weight, const fi_array *bias,
                          bint transposed, fi_shape *result) noexcept

    double FI_THREADED_WORK
    int64_t FI_THREADED_BYTES

    ctypedef struct fi_dense_plan:
        double work
        size_t workspace

    void fi_plan_dense(const fi_dense_job *job, int threads, fi_dense_plan *plan) noexcept
    int fi_dense(const fi_dense_job *job, const fi_dense_plan *plan, void *workspace) except 1 nogil

    ctypedef struct fi_layer:
        int64_t depth, columns
        const void *strips
        int64_t strips_item
        const void *bias
        int64_t bias_item
        fi_function function

    int64_t fi_outputs(const fi_layer *layer) noexcept

    ctypedef struct fi_network_job:
        fi_dtype dtype
        int count
        const fi_layer *layers
        void *out

    bint fi_lay_out_network(fi_network_job *job, const fi_array *x, int ndim, const int64_t *population,
                            fi_shape *result) noexcept

    ctypedef struct fi_network_plan:
        double work
        size_t workspace

    void fi_plan_network(const fi_network_job *job, int threads, fi_network_plan *plan) noexcept
    int fi_network(const fi_network_job *job, const fi_network_plan *plan, void *workspace) except 1 nogil
    int FI_PACKED_SLACK
    int fi_strip(fi_dtype dtype) noexcept
    int64_t fi_packed_size(int64_t depth, int64_t columns) noexcept
    void fi_pack(fi_dtype dtype, const void *weight, int64_t row, int64_t column, int64_t depth, int64_t columns,
                 void *strips) noexcept
    void fi_unpack(fi_dtype dtype, const void *strips, int64_t depth, int64_t columns, void *weight) noexcept
    bint fi_is_packed(fi_dtype dtype, const void *weight, int64_t row, int64_t column, int64_t depth, int64_t columns,
                      const void *strips) noexcept

    float fi_multiply_adds(int64_t count) noexcept nogil
    void fi_fma(fi_dtype dtype, int negated, const void *a, const void *b, const void *c, void *out,
                int64_t count) noexcept

    ctypedef struct fi_orthogonal_job:
        const fi_law *normal
        fi_source source
        bint complex_numbers
        int64_t rows
        int64_t columns
        int64_t first_matrix
        int64_t matrices
        int64_t first_column
        int64_t last_column
        int64_t first_row
        int64_t last_row
        fi_dtype dtype
        double gain
        void *out
        int64_t matrix_step
        int64_t row_step
        int64_t column_step

    ctypedef struct fi_perturb_job:
        fi_job noise
        bint pairs
        int64_t first
        int64_t members
        const void *theta
        double sigma
        const void *sigma_array
        int64_t sigma_row
        int64_t sigma_column
        void *out

    int fi_perturb(const fi_perturb_job *job, int threads) except 1 nogil

    ctypedef struct fi_recombine_job:
        fi_job noise
        const void *weights
        bint squares
        void *out

    int fi_recombine(const fi_recombine_job *job, int threads) except 1 nogil

    size_t fi_orthogonal_workspace(const fi_orthogonal_job *job, int threads) noexcept
    int fi_orthogonal(const fi_orthogonal_job *job, void *workspace, int threads) except 1 nogil
    int fi_narrow(fi_dtype source_dtype, const void *x, fi_dtype to, void *out, int64_t count) except 1 nogil

    int fi_workers() noexcept

    int fi_isa_count() noexcept
    const char *fi_isa_name(int isa) noexcept
    bint fi_isa_compiled(int isa) noexcept
    bint fi_isa_runnable(int isa) noexcept
    int fi_isa_current() noexcept
    void fi_isa_use(int isa) noexcept
    void fi_isa_use_best(int isa) noexcept
    void fi_isa_use_both(int isa, int isa_of_products, double work) noexcept
    int fi_isa_of_products() noexcept
    double fi_isa_preferred(const char *vendor, int family, int best, int *isa_of_products) noexcept

    size_t FI_CHECK_BYTES
    const char *fi_check(void *memory) noexcept

    double fi_exp(double x) noexcept
    double fi_log(double x) noexcept
    double fi_erf_sqrt2(double x) noexcept
    double fi_erfc_sqrt2(double x) noexcept
    float fi_scalar_fma32(float a, float b, float c) noexcept
    double fi_scalar_fma64(double a, double b, double c) noexcept
