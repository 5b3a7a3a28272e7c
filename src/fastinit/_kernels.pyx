"""The compiled face of fastinit: it guards memory, makes one C call and decides nothing else."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_Clear, PyErr_Occurred, PyErr_SetString
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_RawFree, PyMem_RawMalloc
from libc.string cimport memcpy, memmove

import sys

import numpy as np

import os
import threading


include "_numpy.pxi"

VERSION = FASTINIT_VERSION.decode()

# The codes of the dtypes that a Law is made for.
FLOAT32 = FI_F32
FLOAT16 = FI_F16
BFLOAT16 = FI_BF16
FLOAT64 = FI_F64


cdef class Law:
    """What to draw, for one dtype: the constants of one distribution. Immutable."""

    cdef fi_law c

    def __init__(self):
        raise TypeError("a Law is made by Law.uniform, Law.symmetric_uniform, Law.normal, Law.normal_between or Law.words")

    @staticmethod
    def words():
        """The stream's 32-bit words."""
        cdef Law self = Law.__new__(Law)
        fi_law_words(&self.c)
        return self

    @staticmethod
    def uniform(int dtype, double low, double high):
        """Uniform in the half-open [low, high)."""
        cdef Law self = Law.__new__(Law)
        fi_law_uniform(&self.c, <fi_dtype>dtype, low, high)
        return self

    @staticmethod
    def symmetric_uniform(int dtype, double limit):
        """Uniform in the closed [-limit, limit]."""
        cdef Law self = Law.__new__(Law)
        fi_law_symmetric_uniform(&self.c, <fi_dtype>dtype, limit)
        return self

    @staticmethod
    def normal(int dtype, double mean, double std, double lower, double upper):
        """Normal, cut off at mean + std * [lower, upper] where these are finite."""
        cdef Law self = Law.__new__(Law)
        fi_law_normal(&self.c, <fi_dtype>dtype, mean, std, lower, upper)
        return self

    @staticmethod
    def normal_between(int dtype, double mean, double std, double low, double high):
        """Normal, cut off at [low, high] where these are finite."""
        cdef Law self = Law.__new__(Law)
        fi_law_normal_between(&self.c, <fi_dtype>dtype, mean, std, low, high)
        return self


# How the fans that `scaled_spread` is given make n, and the distributions that it knows.
FANS = {"fan_in": FI_FAN_ITSELF, "fan_out": FI_FAN_ITSELF, "fan_avg": FI_FAN_HALF, "fan_geo_avg": FI_FAN_ROOT}
SCALED = {
    "uniform": FI_SCALED_UNIFORM,
    "truncated_normal": FI_SCALED_TRUNCATED_NORMAL,
    "untruncated_normal": FI_SCALED_NORMAL,
}


def scaled_spread(double scale, double fans, int fan, int kind):
    """The limit of a uniform law or the std of a normal one, before truncation, of variance scale / max(1, n)."""
    return fi_scaled_spread(scale, fans, <fi_fan>fan, <fi_scaled>kind)


def enter_standard_mode():
    """Set the floating-point mode in which the bits are promised; return the one before."""
    return fi_enter_standard_mode()


def leave_standard_mode(uint64_t before):
    """Put the mode of before back."""
    fi_leave_standard_mode(before)


def address(memory not None):
    """Where a buffer begins."""
    cdef Py_buffer view
    PyObject_GetBuffer(memory, &view, PyBUF_SIMPLE)
    cdef size_t found = <size_t>view.buf
    PyBuffer_Release(&view)
    return found


# ---- signals ----

# Python serves signals in its main thread alone, between its own instructions; a long call asks for it.

cdef extern from "Python.h":
    int PyErr_CheckSignals() noexcept
    unsigned long PyThread_get_thread_ident() noexcept nogil

cdef unsigned long main_thread = 0


def _find_main_thread():
    global main_thread
    main_thread = threading.main_thread().ident


cdef int signal_raised() noexcept nogil:
    """Run the handlers of signals that have come; 1 if one of them raised an exception, which is set then.

    No other thread may touch the interpreter's lock here, which `with gil` in this function would also do on its way
    out: once the interpreter has begun to end, that ends the thread, under the hands of those that work on its task.
    """
    if PyThread_get_thread_ident() != main_thread:
        return 0
    return serve_signals()


cdef int serve_signals() noexcept with gil:
    process = os.getpid()
    if PyErr_CheckSignals():
        return 1
    if os.getpid() != process:
        PyErr_SetString(RuntimeError, b"a signal's handler forked in the middle of a call, which ends in the child")
        return 1
    return 0


_find_main_thread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_find_main_thread)
fi_ask_with(signal_raised)


# Handing the interpreter's lock over takes some microseconds when another thread waits for it. Shorter calls keep it:
# those that write fewer bytes, networks of fewer multiplications, orthogonal matrices of fewer products.
cdef Py_ssize_t GIL_BYTES = 1 << 16
cdef double GIL_WORK = 1e6
cdef double GIL_PRODUCTS = 1 << 17


cdef Py_ssize_t describe_block(fi_job *job, tuple shape, tuple block) except -1:
    """Write shape and block into a job; return the number of the block's elements."""
    cdef Py_ssize_t count = 1
    cdef int i
    if len(shape) > FI_MAX_NDIM:
        raise ValueError(f"a tensor has at most {FI_MAX_NDIM} axes. Received: {len(shape)}")
    job.ndim = <int>len(shape)
    for i in range(job.ndim):
        job.shape[i] = shape[i]
        if block is None:
            job.start[i] = 0
            job.stop[i] = job.shape[i]
        else:
            job.start[i], job.stop[i] = block[i]
        if not 0 <= job.start[i] <= job.stop[i] <= job.shape[i]:
            raise ValueError(f"axis {i} of size {job.shape[i]} has no block [{job.start[i]}, {job.stop[i]})")
        count *= job.stop[i] - job.start[i]
    return count


cdef Py_ssize_t describe(fi_job *job, Law law, uint64_t key, uint64_t stream, tuple shape, tuple block) except -1:
    """Write all but the output into a job; return the output's bytes."""
    job.law = &law.c
    job.source.key = key
    job.source.stream = stream
    job.source.words = NULL
    return describe_block(job, shape, block) * <Py_ssize_t>fi_itemsize(law.c.dtype)


def fill(Law law not None, out, uint64_t key, uint64_t stream, tuple shape not None, tuple block=None, int threads=1):
    """Fill `out` with the tensor of `shape`, or with its `block`, a (start, stop) pair per axis.

    `out` is a writable C-contiguous buffer of exactly the block's elements.
    """
    cdef fi_job job
    cdef Py_ssize_t size = describe(&job, law, key, stream, shape, block)
    cdef Py_buffer view
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    try:
        if view.len != size:
            raise ValueError(f"`out` has {view.len} bytes, the block {size}")
        job.out = view.buf
        if size < GIL_BYTES:
            fi_fill(&job, 1, 1)
        else:
            with nogil:
                fi_fill(&job, 1, threads)
    finally:
        PyBuffer_Release(&view)


# Memory that is read again while it is written: it stays in the first-level cache.
cdef size_t REPEATED_BYTES = 1 << 13


cdef void repeat(void *target, size_t size, const void *source, size_t period) noexcept nogil:
    """Write `source` to the target, again and again if it is shorter."""
    cdef size_t done = min(size, period), step
    memmove(target, source, done)
    while done < size:
        step = min(done, max(REPEATED_BYTES // period, <size_t>1) * period, size - done)
        memcpy(<char *>target + done, target, step)
        done += step


include "_tasks.pxi"


def fulfil(list fills not None, list copies not None, int threads):
    """Do many fills with one hand-off, then copies; what can fail does so before anything is written.

    A fill is (task, array, key, stream). A copy is a pair of C-contiguous buffers, the target and a source of as many
    bytes, or of one element of the target, which is written everywhere.
    """
    cdef Py_ssize_t count = len(fills), pairs = len(copies), opened = 0, i
    cdef fi_job *jobs = <fi_job *>PyMem_Calloc(count + 1, sizeof(fi_job))
    cdef Py_buffer *views = <Py_buffer *>PyMem_Calloc(2 * pairs + 1, sizeof(Py_buffer))
    cdef Task task
    try:
        if jobs == NULL or views == NULL:
            raise MemoryError(f"{count + pairs} fills and copies cannot be described")
        for i in range(count):
            task, array, key, stream = fills[i]
            task.describe(&jobs[i], array, key, stream)
        for i in range(pairs):
            out, source = copies[i]
            PyObject_GetBuffer(out, &views[2 * i], PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
            opened += 1
            PyObject_GetBuffer(source, &views[2 * i + 1], PyBUF_C_CONTIGUOUS)
            opened += 1
            if views[opened - 1].len not in (views[opened - 2].len, views[opened - 2].itemsize):
                raise ValueError(f"`out` has {views[opened - 2].len} bytes, its source {views[opened - 1].len}")
        with nogil:
            fi_fill(jobs, count, threads)
            for i in range(0, 2 * pairs, 2):
                repeat(views[i].buf, views[i].len, views[i + 1].buf, views[i + 1].len)
    finally:
        for i in range(opened):
            PyBuffer_Release(&views[i])
        PyMem_Free(views)
        PyMem_Free(jobs)


cdef int64_t describe_orthogonal(
    fi_orthogonal_job *job, Law normal, tuple matrix, tuple numbers, tuple columns, tuple rows, bint complex_numbers,
    int dtype
) except -1:
    """Fill in all but the source, the output and its steps; return the elements asked for."""
    job.normal = &normal.c
    if normal.c.dtype != FI_F32 and normal.c.dtype != FI_F64:
        raise ValueError("orthogonal matrices are computed in float32 or float64")
    if not 0 <= dtype <= FI_F64 or fi_itemsize(<fi_dtype>dtype) > fi_itemsize(normal.c.dtype):
        raise ValueError(f"matrices of the law's dtype are not rounded to the dtype of code {dtype}")
    job.dtype = <fi_dtype>dtype
    job.complex_numbers = complex_numbers
    job.rows, job.columns = matrix
    job.first_matrix, job.matrices = numbers
    job.matrices -= job.first_matrix
    job.first_column, job.last_column = columns
    job.first_row, job.last_row = rows
    if not (0 < job.columns <= job.rows and 0 <= job.first_column < job.last_column <= job.columns):
        raise ValueError(f"a matrix of {matrix} has no columns {columns}")
    if not 0 <= job.first_row < job.last_row <= job.rows:
        raise ValueError(f"a matrix of {matrix} has no rows {rows}")
    job.row_step = job.last_column - job.first_column
    job.column_step = 1
    job.matrix_step = (job.last_row - job.first_row) * job.row_step
    return job.matrices * job.matrix_step * (2 if complex_numbers else 1)


def orthogonal(
    Law normal not None,
    out,
    uint64_t key,
    uint64_t stream,
    tuple matrix not None,
    tuple numbers not None,
    tuple columns not None,
    bint wide,
    bint complex_numbers,
    double gain,
    int threads,
    tuple rows=None,
    dtype=None,
):
    """Write matrices `numbers` = (first, last) of a batch, their `columns` and `rows` (first, last), to `out`.

    A `matrix` is (rows, columns), rows >= columns > 0. `out` is a writable C-contiguous buffer of
    (matrices, rows wanted, columns wanted), or of (matrices, columns wanted, rows wanted) if `wide`, of the dtype of
    that code; by default of the dtype of `normal`, a law of standard normals in float32 or float64; pairs of them
    if `complex_numbers`.
    """
    cdef fi_orthogonal_job job
    cdef Py_buffer view
    cdef void *workspace = NULL
    cdef int code = normal.c.dtype if dtype is None else dtype
    cdef int64_t size = describe_orthogonal(
        &job, normal, matrix, numbers, columns, (0, matrix[0]) if rows is None else rows, complex_numbers, code
    ) * <int64_t>fi_itemsize(<fi_dtype>code)
    cdef size_t wanted
    job.source.key = key
    job.source.stream = stream
    job.source.words = NULL
    job.gain = gain
    if wide:
        job.row_step = 1
        job.column_step = job.last_row - job.first_row
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    try:
        if view.len != size or job.matrices < 0:
            raise ValueError(f"`out` has {view.len} bytes, the matrices {size}")
        job.out = view.buf
        wanted = fi_orthogonal_workspace(&job, threads)
        workspace = PyMem_RawMalloc(wanted)
        if workspace == NULL:
            raise MemoryError(f"{wanted} bytes of workspace cannot be had")
        if <double>job.rows * job.columns * job.last_column * job.matrices < GIL_PRODUCTS:
            fi_orthogonal(&job, workspace, threads)
        else:
            with nogil:
                fi_orthogonal(&job, workspace, threads)
    finally:
        PyMem_RawFree(workspace)
        PyBuffer_Release(&view)


def orthogonal_workspace(
    Law normal not None, tuple matrix not None, tuple numbers not None, tuple columns not None, bint pairs, int threads
):
    """For tests: the bytes of workspace that `orthogonal` takes, in `normal`'s dtype or rounded to another."""
    cdef fi_orthogonal_job job
    describe_orthogonal(&job, normal, matrix, numbers, columns, (0, matrix[0]), pairs, normal.c.dtype)
    return fi_orthogonal_workspace(&job, threads)


def narrow(int source_dtype, x, int dtype, out):
    """For tests: round a buffer to nearest: float64 to float32, float32 to float16 or bfloat16."""
    cdef Py_buffer source, target
    if (source_dtype, dtype) not in ((FI_F64, FI_F32), (FI_F32, FI_F16), (FI_F32, FI_BF16)):
        raise ValueError(f"no rounding from dtype {source_dtype} to {dtype}")
    PyObject_GetBuffer(x, &source, PyBUF_C_CONTIGUOUS)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        try:
            if source.len != 2 * target.len:
                raise ValueError(f"`out` has {target.len} bytes for {source.len} of `x`")
            with nogil:
                fi_narrow(<fi_dtype>source_dtype, source.buf, <fi_dtype>dtype, target.buf,
                          target.len // <int64_t>fi_itemsize(<fi_dtype>dtype))
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


def map_words(Law law not None, const uint32_t[::1] words, unsigned char[::1] out):
    """For tests: map given words, not Philox's, to values. Their number is a multiple of 256."""
    cdef Py_ssize_t wide = 2 if law.c.dtype == FI_F64 else 1
    if words.shape[0] == 0 or words.shape[0] % FI_WORDS_PADDING != 0:
        raise ValueError(f"the number of words must be a multiple of {FI_WORDS_PADDING}")
    cdef fi_job job
    cdef Py_ssize_t size = describe(&job, law, 0, 0, (words.shape[0] // wide,), None)
    if out.shape[0] != size:
        raise ValueError(f"`out` has {out.shape[0]} bytes for {size}")
    job.source.words = &words[0]
    job.out = &out[0]
    with nogil:
        fi_fill(&job, 1, 1)


include "_arrays.pxi"
include "_activate.pxi"
include "_dense.pxi"
include "_network.pxi"
include "_evolution.pxi"


def check():
    """None if every instruction set computes the right bits, else what is wrong. Not beside other calls."""
    cdef bytearray memory = bytearray(FI_CHECK_BYTES + 64)
    cdef unsigned char[::1] view = memory
    cdef const char *wrong = fi_check(<void *>((<size_t>&view[0] + 63) // 64 * 64))
    return None if wrong == NULL else wrong.decode()


def workers():
    """How many threads the pool has made."""
    return fi_workers()


def isas():
    """(name, compiled in, runnable here) of every instruction set, best last."""
    return [
        (fi_isa_name(i).decode(), fi_isa_compiled(i) != 0, fi_isa_runnable(i) != 0)
        for i in range(fi_isa_count())
    ]


def current_isa():
    """The name of the instruction set in use."""
    return fi_isa_name(fi_isa_current()).decode()


def isa_of_products():
    """The name of the instruction set that computes the largest products of `dense`."""
    return fi_isa_name(fi_isa_of_products()).decode()


cdef int runnable_isa(str name) except -1:
    for i in range(fi_isa_count()):
        if fi_isa_name(i).decode() == name and fi_isa_compiled(i) and fi_isa_runnable(i):
            return i
    raise ValueError(f"{name!r} is not compiled in or cannot run here")


def use_isa(str name not None):
    """Switch every later call to an instruction set that is compiled in and runnable."""
    fi_isa_use(runnable_isa(name))


def use_best_isa(str name not None):
    """The same, but for large products on those processors that are faster by another set."""
    fi_isa_use_best(runnable_isa(name))


def use_isas(str name not None, str of_products not None, double work):
    """For tests: the same, with another set for products in `dense` of at least so many multiplications."""
    fi_isa_use_both(runnable_isa(name), runnable_isa(of_products), work)


def preferred_isa(bytes vendor not None, int family, str best not None):
    """For tests: which set computes products on a processor whose best set that is, from how many multiplications on."""
    cdef int products
    cdef double work = fi_isa_preferred(vendor, family, [name for name, _, _ in isas()].index(best), &products)
    return fi_isa_name(products).decode(), work


def multiply_adds(int64_t count):
    """For benchmarks: do so many float32 fma in registers, as fast as the machine can."""
    with nogil:
        fi_multiply_adds(count)


def special(str name not None, double x):
    """For tests: the scalar functions behind the laws."""
    if name == "exp":
        return fi_exp(x)
    if name == "log":
        return fi_log(x)
    if name == "erf_sqrt2":
        return fi_erf_sqrt2(x)
    if name == "erfc_sqrt2":
        return fi_erfc_sqrt2(x)
    raise ValueError(name)


def vector_fma32(bint negated, const float[::1] a, const float[::1] b, const float[::1] c, float[::1] out):
    """For tests: the fma of the instruction set in use, of a multiple of 16 elements."""
    if not a.shape[0] == b.shape[0] == c.shape[0] == out.shape[0] or a.shape[0] % 16 != 0 or a.shape[0] == 0:
        raise ValueError("the sizes must be the same multiple of 16")
    fi_fma(FI_F32, negated, &a[0], &b[0], &c[0], &out[0], a.shape[0])


def vector_fma64(bint negated, const double[::1] a, const double[::1] b, const double[::1] c, double[::1] out):
    """For tests: the fma of the instruction set in use, of a multiple of 16 elements."""
    if not a.shape[0] == b.shape[0] == c.shape[0] == out.shape[0] or a.shape[0] % 16 != 0 or a.shape[0] == 0:
        raise ValueError("the sizes must be the same multiple of 16")
    fi_fma(FI_F64, negated, &a[0], &b[0], &c[0], &out[0], a.shape[0])


def scalar_fma32(float a, float b, float c):
    """For tests: the scalar kernels' fma."""
    return fi_scalar_fma32(a, b, c)


def scalar_fma64(double a, double b, double c):
    """For tests: the scalar kernels' fma."""
    return fi_scalar_fma64(a, b, c)
