# All that is used of NumPy's C interface: arrays as they lie in memory, and new ones. Part of _kernels.pyx.

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF

cdef extern from "numpy/arrayobject.h":
    ctypedef Py_ssize_t npy_intp
    ctypedef struct PyArrayObject:
        pass
    ctypedef struct PyArray_Descr:
        pass
    PyTypeObject PyArray_Type

    enum:
        NPY_FLOAT
        NPY_DOUBLE
        NPY_ARRAY_CARRAY  # C-contiguous, aligned and writable
        NPY_ARRAY_WRITEABLE

    int _import_array() except -1
    bint PyArray_Check(object value)
    bint PyArray_CheckExact(object value)
    int PyArray_NDIM(PyArrayObject *array)
    npy_intp *PyArray_DIMS(PyArrayObject *array)
    npy_intp *PyArray_STRIDES(PyArrayObject *array)
    void *PyArray_DATA(PyArrayObject *array)
    int PyArray_FLAGS(PyArrayObject *array)
    int PyArray_TYPE(PyArrayObject *array)
    npy_intp PyArray_ITEMSIZE(PyArrayObject *array)
    bint PyArray_ISNOTSWAPPED(PyArrayObject *array)
    PyArray_Descr *PyArray_DESCR(PyArrayObject *array)
    npy_intp PyArray_NBYTES(PyArrayObject *array)
    int PyArray_FailUnlessWriteable(PyArrayObject *array, const char *name) except -1

    # The first two take over a reference to the dtype, the third one to the base.
    object PyArray_NewFromDescr(PyTypeObject *kind, PyArray_Descr *dtype, int ndim, const npy_intp *shape,
                                const npy_intp *strides, void *data, int flags, PyObject *owner)
    object PyArray_Zeros(int ndim, const npy_intp *shape, PyArray_Descr *dtype, int fortran)
    int PyArray_SetBaseObject(PyArrayObject *array, PyObject *base) except -1

_import_array()

cdef object _BYTE = np.dtype(np.uint8)

# Arrays of so many bytes begin on a cache line, so that JAX and others take them without a copy. Aligning costs a
# tenth of a microsecond, which shorter calls would feel.
cdef enum:
    ALIGNED_FROM = 1 << 12
    ALIGNMENT = 64

cdef int64_t MOST_BYTES = (<uint64_t>1 << 63) - 1 - 64  # NumPy says what is missing

# Arrays of so many bytes are made by fastinit._memory, which knows when huge pages pay.
cdef enum:
    MADE_IN_PYTHON_FROM = 1 << 20

cdef enum:
    MOST_AXES = 64  # of NumPy's arrays

# fastinit._memory, which imports this module first.
cdef object _memory = None


cdef object allocator():
    global _memory
    if _memory is None:
        from fastinit import _memory as found
        _memory = found
    return _memory


cdef object bare_array(int ndim, const int64_t *shape, object dtype, bint zeros):
    Py_INCREF(dtype)
    if zeros:
        return PyArray_Zeros(ndim, <const npy_intp *>shape, <PyArray_Descr *>dtype, 0)
    return PyArray_NewFromDescr(&PyArray_Type, <PyArray_Descr *>dtype, ndim, <const npy_intp *>shape, NULL, NULL, 0,
                                NULL)


cdef inline void *on_cache_line(void *memory) noexcept:
    """The first such place in memory, which has room for as much behind it."""
    return <void *>((<size_t>memory + (ALIGNMENT - 1)) & ~<size_t>(ALIGNMENT - 1))


cdef object aligned_array(int ndim, const int64_t *shape, object dtype, int64_t size, bint zeros):
    """A new array of so many bytes, of zeros or uninitialized; from some size on it begins on a cache line."""
    cdef int64_t room
    cdef void *begin
    if size < ALIGNED_FROM:
        return bare_array(ndim, shape, dtype, zeros)
    room = min(size, MOST_BYTES) + ALIGNMENT
    memory = bare_array(1, &room, _BYTE, zeros)
    begin = on_cache_line(PyArray_DATA(<PyArrayObject *>memory))
    Py_INCREF(dtype)
    array = PyArray_NewFromDescr(&PyArray_Type, <PyArray_Descr *>dtype, ndim, <const npy_intp *>shape, NULL,
                                 begin, NPY_ARRAY_CARRAY, NULL)
    if PyArray_NBYTES(<PyArrayObject *>array) != size:
        raise ValueError(f"an array of shape {array.shape} and {dtype} has no {size} bytes")
    Py_INCREF(memory)
    PyArray_SetBaseObject(<PyArrayObject *>array, <PyObject *>memory)
    return array


cdef object new_array(int ndim, const int64_t *shape, object dtype, int64_t size, bint zeros=False):
    """The same, in huge pages where these pay; a small one without a detour through Python."""
    if size < MADE_IN_PYTHON_FROM:
        return aligned_array(ndim, shape, dtype, size, zeros)
    sizes = tuple([shape[i] for i in range(ndim)])
    return allocator().new_zeros(sizes, dtype) if zeros else allocator().new_array(sizes, dtype)


def aligned(tuple shape not None, dtype not None, int64_t size, bint zeros=False):
    """A new array of so many bytes, of zeros or uninitialized, that begins on a cache line if it is not small."""
    cdef int64_t sizes[MOST_AXES]
    cdef int i
    if len(shape) > MOST_AXES:
        raise ValueError(f"an array has at most {MOST_AXES} axes. Received: {len(shape)}")
    for i in range(<int>len(shape)):
        sizes[i] = shape[i]
    return aligned_array(<int>len(shape), sizes, dtype, size, zeros)
