# Arrays become what C knows of them, and workspace: part of _kernels.pyx. A call that cannot be done (an error to
# explain, an overlap to look at closely) is left to Python by returning None, before anything is written.

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES

# As in fastinit._memory, which says why.
cdef int64_t ALIGNED_FROM = 1 << 12

cdef object _empty = np.empty
cdef object _ndarray = np.ndarray
cdef object _BYTE = np.dtype(np.uint8)
cdef object _FLOAT32 = np.dtype(np.float32)
cdef object _FLOAT64 = np.dtype(np.float64)

# fastinit._memory, which imports this module first.
cdef object _memory = None


cdef object allocator():
    global _memory
    if _memory is None:
        from fastinit import _memory as found
        _memory = found
    return _memory


cdef inline object float_dtype(fi_dtype dtype):
    return _FLOAT32 if dtype == FI_F32 else _FLOAT64


cdef object new_array(tuple shape, fi_dtype dtype, int64_t count):
    """A new array of so many elements; a small one without a detour through Python."""
    if count < ALIGNED_FROM >> (2 if dtype == FI_F32 else 3):
        return _empty(shape, float_dtype(dtype))
    return allocator().new_array(shape, float_dtype(dtype))


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
    Py_buffer view
    fi_array array


cdef int open_array(object value, opened *a, fi_dtype *dtype, int writable=0) except -1:
    """1 if it is an array of the dtype, else 0, closed again; a dtype of FI_DTYPE_COUNT is set here."""
    cdef fi_dtype found = FI_DTYPE_COUNT
    cdef const char *format
    if not isinstance(value, _ndarray):
        return 0
    try:
        PyObject_GetBuffer(value, &a.view, PyBUF_STRIDES | PyBUF_FORMAT | writable)
    except (ValueError, BufferError):  # a dtype that the buffer protocol does not know, or a read-only array
        return 0
    format = a.view.format
    if format[0] == c"=":  # misaligned
        format += 1
    if format[0] != 0 and format[1] == 0:
        found = FI_F32 if format[0] == c"f" else FI_F64 if format[0] == c"d" else FI_DTYPE_COUNT
    if dtype[0] == FI_DTYPE_COUNT:
        dtype[0] = found
    if found == FI_DTYPE_COUNT or found != dtype[0] or a.view.ndim > FI_MAX_NDIM:
        PyBuffer_Release(&a.view)
        return 0
    a.array.data = a.view.buf
    a.array.itemsize = a.view.itemsize
    a.array.ndim = a.view.ndim
    a.array.shape = <int64_t *>a.view.shape
    a.array.strides = <int64_t *>a.view.strides
    return 1


cdef tuple tuple_of(const fi_shape *shape):
    if shape.ndim == 2:
        return (shape.sizes[0], shape.sizes[1])
    return tuple([shape.sizes[i] for i in range(shape.ndim)])


cdef object open_out(object out, const fi_shape *shape, fi_dtype dtype, opened *o, bint *new):
    """`out`, or a new array, opened; None, closed again, if it is not C-contiguous, aligned and of this shape."""
    new[0] = out is None
    if new[0]:
        out = new_array(tuple_of(shape), dtype, shape.count)
    if not open_array(out, o, &dtype, PyBUF_WRITABLE):
        return None
    # A subclass may tell another shape than its memory has.
    if not new[0] and not (fi_has_shape(&o.array, shape) and fi_contiguous(&o.array) and fi_aligned(&o.array)):
        PyBuffer_Release(&o.view)
        return None
    return out
