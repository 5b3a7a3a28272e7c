# What the forward pass knows of arrays, and its workspace: part of _kernels.pyx. A call that is not plain (a copy
# to make, an error to explain) is left to Python by returning None, before anything is written.

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES

# As in fastinit._memory, which says why.
cdef int64_t ALIGNED_FROM = 1 << 12

cdef object _empty = np.empty
cdef object _ndarray = np.ndarray
cdef object _BYTE = np.dtype(np.uint8)
cdef object _FLOATS = {FI_F32: np.dtype(np.float32), FI_F64: np.dtype(np.float64)}

# fastinit._memory, which imports this module first.
cdef object _memory = None


cdef object allocator():
    global _memory
    if _memory is None:
        from fastinit import _memory as found
        _memory = found
    return _memory


cdef object new_array(tuple shape, fi_dtype dtype, int64_t size):
    """A new array of so many bytes; a small one without a detour through Python."""
    if size < ALIGNED_FROM:
        return _empty(shape, _FLOATS[dtype])
    return allocator().new_array(shape, _FLOATS[dtype])


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
        if size:
            self.owner = allocator().new_array((max(size, ALIGNED_FROM),), _BYTE, allocator().HUGE_FROM_IF_KEPT)
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
        _spare.append(memory)


cdef int thread_count(threads) except -1:
    """`threads` is a number, or a function that tells it: to ask the system takes as long as a small product."""
    return min(threads if isinstance(threads, int) else threads(), 1 << 30)


cdef struct strided:  # what a call needs to know of an ndarray; distances are in elements
    Py_buffer view
    int ndim
    int64_t itemsize
    int64_t *shape
    int64_t strides[FI_MAX_NDIM]


cdef int open_array(object value, strided *a, fi_dtype *dtype, int writable=0) except -1:
    """1 if it is a plain array of the dtype, else 0, closed again; a dtype of FI_DTYPE_COUNT is set here."""
    cdef int i
    cdef fi_dtype found
    if not isinstance(value, _ndarray):
        return 0
    try:
        PyObject_GetBuffer(value, &a.view, PyBUF_STRIDES | PyBUF_FORMAT | writable)
    except (ValueError, BufferError):  # a dtype that the buffer protocol does not know, or a read-only array
        return 0
    a.ndim = a.view.ndim
    a.shape = <int64_t *>a.view.shape
    a.itemsize = a.view.itemsize
    if a.view.format[0] == c"f" and a.view.format[1] == 0:
        found = FI_F32
    elif a.view.format[0] == c"d" and a.view.format[1] == 0:
        found = FI_F64
    else:
        found = FI_DTYPE_COUNT
    if dtype[0] == FI_DTYPE_COUNT:
        dtype[0] = found
    # Where an empty array begins does not matter, and NumPy calls it aligned anywhere.
    if (found == FI_DTYPE_COUNT or found != dtype[0] or a.ndim > FI_MAX_NDIM
            or (a.view.len and <size_t>a.view.buf % a.itemsize)):
        PyBuffer_Release(&a.view)
        return 0
    for i in range(a.ndim):
        if a.view.strides[i] % a.itemsize:
            PyBuffer_Release(&a.view)
            return 0
        a.strides[i] = a.view.strides[i] // a.itemsize
    return 1


cdef inline bint consecutive(const strided *a) noexcept:
    """Whether elements along the last axis lie side by side."""
    return a.shape[a.ndim - 1] <= 1 or a.strides[a.ndim - 1] == 1


cdef bint apart(const strided *a, const strided *b) noexcept:
    """Whether the memory that two arrays span is disjoint."""
    cdef char *low[2]
    cdef char *high[2]
    cdef const strided *each[2]
    cdef int i, j
    each[0], each[1] = a, b
    for i in range(2):
        low[i] = high[i] = <char *>each[i].view.buf
        for j in range(each[i].ndim):
            if each[i].shape[j] == 0:
                return True
            if each[i].strides[j] > 0:
                high[i] += (each[i].shape[j] - 1) * each[i].strides[j] * each[i].itemsize
            else:
                low[i] += (each[i].shape[j] - 1) * each[i].strides[j] * each[i].itemsize
        high[i] += each[i].itemsize
    return high[0] <= low[1] or high[1] <= low[0]


cdef bint c_contiguous(const strided *a) noexcept:
    cdef int64_t stride = 1
    cdef int i
    for i in range(a.ndim - 1, -1, -1):
        if a.shape[i] == 0:
            return True
        if a.shape[i] != 1 and a.strides[i] != stride:
            return False
        stride *= a.shape[i]
    return True


cdef tuple shape_of(int64_t rows, int64_t columns, bint single):
    """Of one item's result, which has no rows if x had only one axis."""
    if single:
        return (columns,)
    return (rows, columns)
