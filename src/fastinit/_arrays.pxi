# Arrays become what C knows of them, and workspace: part of _kernels.pyx. A call that cannot be done (an error to
# explain, an overlap to look at closely) is left to Python by returning None, before anything is written.

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES

cdef object _FLOAT32 = np.dtype(np.float32)
cdef object _FLOAT64 = np.dtype(np.float64)


cdef inline object float_dtype(fi_dtype dtype):
    return _FLOAT32 if dtype == FI_F32 else _FLOAT64


# Workspace of fewer bytes lies on the stack.
cdef enum:
    STACK_BYTES = 1 << 13

# Workspaces that wait for their next use, so that calls find warm memory.
cdef list _spare = []
cdef Py_ssize_t MOST_SPARE = 8
cdef size_t SPARE_BYTES = 1 << 23


cdef class Memory:
    """Memory that begins on a cache line, and lies in huge pages where it is large."""

    cdef object owner
    cdef void *aligned
    cdef size_t size

    def __cinit__(self, size_t size):
        cdef unsigned char[::1] pages
        self.size = size
        # Also for no bytes: a bias of no elements is another thing than no bias.
        self.owner = allocator().new_array((max(size, <size_t>ALIGNED_FROM),), _BYTE, allocator().HUGE_FROM_IF_KEPT)
        pages = self.owner
        self.aligned = &pages[0]


cdef Memory take_workspace(size_t size):
    cdef Memory memory
    try:
        memory = _spare.pop()
    except IndexError:
        return Memory(size)
    return memory if memory.size >= size else Memory(size)


cdef void give_workspace(Memory memory):
    if memory.size <= SPARE_BYTES and len(_spare) < MOST_SPARE:
        try:
            _spare.append(memory)
        except MemoryError:
            pass  # the result is there: nothing may fail after it


cdef int thread_count(threads) except -1:
    """`threads` is a number, or a function that tells it: to ask the system takes as long as a small product."""
    return min(threads if isinstance(threads, int) else threads(), 1 << 30)


cdef struct opened:
    fi_array array
    void *memory  # where it begins
    int64_t size  # bytes
    int64_t shape[FI_MAX_NDIM]
    int64_t strides[FI_MAX_NDIM]
    bint exported
    Py_buffer view


cdef int open_array(object value, opened *a, fi_dtype *dtype, bint writable=False) except -1:
    """1 if it is an array of the dtype, else 0, closed again; a dtype of FI_DTYPE_COUNT is set here.

    The caller holds the array. Its shape and strides are copied, because Python may change them while it lives.
    """
    cdef fi_dtype found
    a.exported = False
    if PyArray_CheckExact(value):
        found = open_plain(<PyArrayObject *>value, a)
        if writable and not is_writable(<PyArrayObject *>value):
            return 0
    else:
        found = open_buffer(value, a, writable)
    if dtype[0] == FI_DTYPE_COUNT:
        dtype[0] = found
    if found == FI_DTYPE_COUNT or found != dtype[0]:
        close_array(a)
        return 0
    return 1


cdef inline bint is_writable(PyArrayObject *value) except -1:
    if not PyArray_FLAGS(value) & NPY_ARRAY_WRITEABLE:
        return False
    PyArray_FailUnlessWriteable(value, b"`out`")  # NumPy warns of memory that many elements may share
    return True


cdef inline void close_array(opened *a) noexcept:
    if a.exported:
        PyBuffer_Release(&a.view)


cdef fi_dtype open_plain(PyArrayObject *value, opened *a) noexcept:
    """Describe an array that is no subclass's; FI_DTYPE_COUNT if the kernels cannot take it."""
    cdef int number = PyArray_TYPE(value)
    cdef fi_dtype found = FI_F32 if number == NPY_FLOAT else FI_F64 if number == NPY_DOUBLE else FI_DTYPE_COUNT
    if found == FI_DTYPE_COUNT or PyArray_NDIM(value) > FI_MAX_NDIM or not PyArray_ISNOTSWAPPED(value):
        return FI_DTYPE_COUNT
    describe_array(a, PyArray_DATA(value), 4 if found == FI_F32 else 8, PyArray_NDIM(value), PyArray_DIMS(value),
                   PyArray_STRIDES(value))
    return found


cdef fi_dtype open_buffer(object value, opened *a, bint writable) except *:
    """The same for a subclass, which may have its own idea of its memory, by the buffer protocol."""
    cdef const char *format
    if not PyArray_Check(value):
        return FI_DTYPE_COUNT
    try:
        PyObject_GetBuffer(value, &a.view, PyBUF_STRIDES | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    except (ValueError, BufferError):  # a dtype that the buffer protocol does not know, or a read-only array
        return FI_DTYPE_COUNT
    a.exported = True
    format = a.view.format
    if format[0] == c"=":  # misaligned
        format += 1
    if format[0] == 0 or format[1] != 0 or a.view.ndim > FI_MAX_NDIM:
        return FI_DTYPE_COUNT
    describe_array(a, a.view.buf, a.view.itemsize, a.view.ndim, a.view.shape, a.view.strides)
    return FI_F32 if format[0] == c"f" else FI_F64 if format[0] == c"d" else FI_DTYPE_COUNT


cdef inline void describe_array(opened *a, void *data, int64_t itemsize, int ndim, const Py_ssize_t *shape,
                                const Py_ssize_t *strides) noexcept:
    cdef int i
    a.array.data = a.memory = data
    a.array.itemsize = a.size = itemsize
    a.array.ndim = ndim
    for i in range(ndim):
        a.shape[i] = shape[i]
        a.strides[i] = strides[i]
        a.size *= shape[i]
    a.array.shape = a.shape
    a.array.strides = a.strides


cdef object open_out(object out, const fi_shape *shape, fi_dtype dtype, opened *o, bint *new):
    """`out`, or a new array, opened; None, closed again, if it is not C-contiguous, aligned and of this shape."""
    cdef int64_t itemsize, size
    new[0] = out is None
    if new[0]:
        itemsize = 4 if dtype == FI_F32 else 8
        size = min(shape.count, MOST_BYTES // itemsize) * itemsize
        out = new_array(shape.ndim, shape.sizes, float_dtype(dtype), size)
    if not open_array(out, o, &dtype, True):
        return None
    # A subclass may tell another shape than its memory has.
    if not new[0] and not (fi_has_shape(&o.array, shape) and fi_contiguous(&o.array) and fi_aligned(&o.array)):
        close_array(o)
        return None
    return out
