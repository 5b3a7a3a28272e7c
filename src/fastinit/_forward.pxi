# The forward pass: part of _kernels.pyx. A call that is not plain (a copy to make, an error to explain) is left
# to Python by returning None, before anything is written.

import numpy as np

from fastinit._memory import empty_in_huge_pages

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES
from libc.string cimport memcpy

# Results from so many bytes on are allocated by Python, which knows about pages.
cdef Py_ssize_t LARGE_RESULT = 1 << 25

# Weights and workspace from so many bytes on are in huge pages: they are read again and again.
cdef size_t HUGE_FROM = 1 << 20

# Work of fewer multiplications is done before the interpreter's lock could be handed over.
cdef double GIL_WORK = 1e6

cdef object _empty = np.empty
cdef object _ndarray = np.ndarray
cdef object _FLOATS = {FI_F32: np.dtype(np.float32), FI_F64: np.dtype(np.float64)}

# Workspaces that wait for their next use, so that calls find warm memory.
cdef list _spare = []
cdef Py_ssize_t MOST_SPARE = 8
cdef size_t SPARE_BYTES = 1 << 26


cdef class Memory:
    """Memory that begins on a cache line, and lies in huge pages where it is large."""

    cdef object owner
    cdef void *start
    cdef void *aligned
    cdef size_t size

    def __cinit__(self, size_t size):
        cdef unsigned char[::1] pages
        self.size = size
        if size >= HUGE_FROM:
            self.owner = empty_in_huge_pages((size,), np.dtype(np.uint8))
            pages = self.owner
            self.aligned = &pages[0]
            return
        self.start = PyMem_RawMalloc(size + 64)
        if self.start == NULL:
            raise MemoryError(f"{size} bytes of workspace cannot be had")
        self.aligned = <void *>((<size_t>self.start + 63) // 64 * 64)

    def __dealloc__(self):
        PyMem_RawFree(self.start)


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


cdef bint broadcast(const strided *a, int leading, const fi_dense_job *job, int64_t *item) noexcept:
    """Distances between the items of a's `leading` axes, set against those of the job; False if they do not fit."""
    cdef int i, axis
    for i in range(job.ndim):
        axis = i - (job.ndim - leading)
        if axis < 0 or a.shape[axis] == 1:
            item[i] = 0
        elif a.shape[axis] == job.shape[i]:
            item[i] = a.strides[axis]
        else:
            return False
    return True


def dense(x, weight, bias, int kind, double parameter, out, bint transpose_weight, threads):
    """activate(x weight + bias), in `out` or a new array; None if the call is not plain."""
    cdef fi_dtype dtype = FI_DTYPE_COUNT
    cdef strided a, w, b, o
    cdef int opened = 0
    b.ndim = 0
    if not 0 <= kind < FI_ACTIVATION_COUNT:
        raise ValueError(f"there is no activation of code {kind}")
    try:
        if not open_array(x, &a, &dtype):
            return None
        opened = 1
        if not open_array(weight, &w, &dtype):
            return None
        opened = 2
        if bias is not None:
            if not open_array(bias, &b, &dtype):
                return None
            opened = 3
        return dense_of(&a, &w, &b if bias is not None else NULL, &o, dtype, kind, parameter, out, transpose_weight,
                        threads)
    finally:
        if opened > 0:
            PyBuffer_Release(&a.view)
        if opened > 1:
            PyBuffer_Release(&w.view)
        if opened > 2:
            PyBuffer_Release(&b.view)


cdef dense_of(strided *a, strided *w, strided *b, strided *o, fi_dtype dtype, int kind, double parameter, out,
              bint transpose_weight, threads):
    cdef fi_dense_job job
    cdef fi_dense_plan plan
    cdef int i, leading_a, leading_w, axis
    cdef int64_t n, m, count = 1
    cdef Memory memory = None
    cdef bint single = a.ndim == 1
    cdef tuple shape

    if a.ndim < 1 or w.ndim < 2 or (b != NULL and b.ndim < 1) or not consecutive(a):
        return None
    leading_a, leading_w = 0 if single else a.ndim - 2, w.ndim - 2
    job.dtype = dtype
    job.depth = a.shape[a.ndim - 1]
    job.rows = 1 if single else a.shape[a.ndim - 2]
    job.x_row = 0 if single else a.strides[a.ndim - 2]
    if transpose_weight:
        job.columns, n = w.shape[w.ndim - 2], w.shape[w.ndim - 1]
        job.weight_row, job.weight_column = w.strides[w.ndim - 1], w.strides[w.ndim - 2]
    else:
        n, job.columns = w.shape[w.ndim - 2], w.shape[w.ndim - 1]
        job.weight_row, job.weight_column = w.strides[w.ndim - 2], w.strides[w.ndim - 1]
    if job.columns <= 1:
        job.weight_column = 1  # no step is ever taken
    if n != job.depth:
        return None
    if b != NULL and (b.shape[b.ndim - 1] != job.columns or not consecutive(b)):
        return None

    job.ndim = leading_a if leading_a > leading_w else leading_w
    for i in range(job.ndim):
        axis = i - (job.ndim - leading_a)
        n = 1 if axis < 0 else a.shape[axis]
        axis = i - (job.ndim - leading_w)
        m = 1 if axis < 0 else w.shape[axis]
        job.shape[i] = m if n == 1 else n
    if not broadcast(a, leading_a, &job, job.x_item) or not broadcast(w, leading_w, &job, job.weight_item):
        return None
    for i in range(job.ndim):
        job.bias_item[i] = 0
    if b != NULL and (b.ndim - 1 > job.ndim or not broadcast(b, b.ndim - 1, &job, job.bias_item)):
        return None

    shape = shape_of(job.rows, job.columns, single)
    if job.ndim:
        shape = tuple([job.shape[i] for i in range(job.ndim)]) + shape
    for i in range(job.ndim):
        count *= job.shape[i]
    count *= job.rows * job.columns
    if out is None:
        if count * a.itemsize >= LARGE_RESULT:
            return None
        out = _empty(shape, _FLOATS[dtype])
    elif not isinstance(out, _ndarray) or out.shape != shape:
        return None
    if not open_array(out, o, &dtype, PyBUF_WRITABLE):
        return None
    try:
        # A subclass may tell another shape than its memory has.
        if o.view.len != count * o.itemsize or not c_contiguous(o) or not apart(o, a) or not apart(o, w):
            return None
        if b != NULL and not apart(o, b):
            return None
        if count == 0:
            return out
        merge_items(&job)
        job.x, job.weight, job.out = a.view.buf, w.view.buf, o.view.buf
        job.bias = b.view.buf if b != NULL else NULL
        job.activation = <fi_activation>kind
        job.parameter = parameter
        fi_plan_dense(&job, 1, &plan)
        if plan.work >= FI_THREADED_WORK:
            fi_plan_dense(&job, thread_count(threads), &plan)
        if plan.workspace:
            memory = take_workspace(plan.workspace)
        if plan.work < GIL_WORK:
            fi_dense(&job, &plan, memory.aligned if memory is not None else NULL)
        else:
            with nogil:
                fi_dense(&job, &plan, memory.aligned if memory is not None else NULL)
        if memory is not None:
            give_workspace(memory)
    finally:
        PyBuffer_Release(&o.view)
    return out


cdef void merge_items(fi_dense_job *job) noexcept:
    """Make rows of leading axes along which x alone moves on, by even steps: one product instead of many."""
    cdef int last = job.ndim - 1
    while last >= 0 and job.weight_item[last] == 0 and job.bias_item[last] == 0:
        if job.rows == 1 and job.ndim:
            job.x_row = job.x_item[last]
        elif job.shape[last] != 1 and job.x_item[last] != job.rows * job.x_row:
            return
        job.rows *= job.shape[last]
        last -= 1
        job.ndim -= 1


cdef class Network:
    """Dense layers with packed weights. Python has checked that shapes and dtypes fit."""

    cdef fi_dtype dtype
    cdef int count
    cdef int64_t items
    cdef int strip
    cdef fi_layer *layers
    cdef list memories
    cdef readonly list shapes  # of weights and biases, None for no bias
    cdef readonly tuple leading
    cdef readonly int64_t inputs, outputs

    def __cinit__(self, int dtype, list layers not None, tuple leading not None):
        """A layer is (weight, bias or None, kind, parameter); weight is (in, out) or leading + (in, out)."""
        cdef int i
        cdef int64_t n
        self.layers = <fi_layer *>PyMem_RawMalloc(len(layers) * sizeof(fi_layer))
        if self.layers == NULL:
            raise MemoryError
        self.dtype = <fi_dtype>dtype
        self.count = <int>len(layers)
        self.leading = leading
        self.items = 1
        for n in leading:
            self.items *= n
        self.strip = fi_strip(self.dtype)
        self.memories = [None] * (2 * self.count)
        self.shapes = []
        for i in range(self.count):
            weight, bias, kind, parameter = layers[i]
            self.layers[i].depth = weight.shape[-2]
            self.layers[i].columns = weight.shape[-1]
            self.layers[i].activation = <fi_activation><int>kind
            self.layers[i].parameter = parameter
            self.layers[i].strips_item = 0
            self.layers[i].bias_item = 0
            self.layers[i].bias = NULL
            if weight.ndim > 2:
                self.layers[i].strips_item = fi_packed_size(weight.shape[-2], weight.shape[-1])
            if bias is not None and bias.ndim > 1:
                self.layers[i].bias_item = self.layers[i].columns
            self.shapes.append((weight.shape, None if bias is None else bias.shape))
            self.set(i, weight, bias)
        self.inputs = self.layers[0].depth
        self.outputs = self.layers[self.count - 1].columns

    def __dealloc__(self):
        PyMem_RawFree(self.layers)

    def set(self, int index, weight, bias):
        """Copy new values, of the old shapes, into a layer; None leaves the old ones."""
        cdef fi_layer *layer = &self.layers[index]
        cdef fi_dtype dtype = self.dtype
        cdef strided w
        cdef int64_t n, items, itemsize = <int64_t>fi_itemsize(self.dtype)
        cdef int64_t packed = fi_packed_size(layer.depth, layer.columns)
        cdef Memory memory
        self.check_strip()
        if weight is not None:
            if not open_array(weight, &w, &dtype):
                raise TypeError("a weight must be an aligned array of the network's dtype")
            try:
                items = self.items if len(self.shapes[index][0]) > 2 else 1
                if not c_contiguous(&w) or w.view.len != items * layer.depth * layer.columns * itemsize:
                    raise ValueError("a weight must be C-contiguous and of the layer's shape")
                memory = self.memories[2 * index]
                if memory is None:
                    memory = self.memories[2 * index] = Memory((items * packed + FI_PACKED_SLACK) * itemsize)
                    layer.strips = memory.aligned
                for n in range(items):
                    fi_pack(self.dtype, <char *>w.view.buf + n * layer.depth * layer.columns * itemsize,
                            layer.columns, 1, layer.depth, layer.columns,
                            <char *>memory.aligned + n * packed * itemsize)
            finally:
                PyBuffer_Release(&w.view)
        if bias is not None:
            if not open_array(bias, &w, &dtype):
                raise TypeError("a bias must be an aligned array of the network's dtype")
            try:
                items = self.items if len(self.shapes[index][1]) > 1 else 1
                if not c_contiguous(&w) or w.view.len != items * layer.columns * itemsize:
                    raise ValueError("a bias must be C-contiguous and of the layer's shape")
                memory = self.memories[2 * index + 1]
                if memory is None:
                    memory = self.memories[2 * index + 1] = Memory(w.view.len)
                    layer.bias = memory.aligned
                memcpy(memory.aligned, w.view.buf, w.view.len)
            finally:
                PyBuffer_Release(&w.view)

    def get(self, int index):
        """New arrays with a layer's weight and bias."""
        cdef fi_layer *layer = &self.layers[index]
        cdef int64_t n, items, itemsize = <int64_t>fi_itemsize(self.dtype)
        cdef unsigned char[::1] bytes_of
        self.check_strip()
        items = self.items if layer.strips_item else 1
        weight_shape, bias_shape = self.shapes[index]
        weight = _empty(weight_shape, _FLOATS[self.dtype])
        if weight.size:
            bytes_of = weight.reshape(-1).view(np.uint8)
            for n in range(items):
                fi_unpack(self.dtype, <char *>layer.strips + n * layer.strips_item * itemsize, layer.depth, layer.columns,
                          &bytes_of[0] + n * layer.depth * layer.columns * itemsize)
        if layer.bias == NULL:
            return weight, None
        bias = _empty(bias_shape, _FLOATS[self.dtype])
        if bias.size:
            bytes_of = bias.reshape(-1).view(np.uint8)
            memcpy(&bytes_of[0], layer.bias, bytes_of.shape[0])
        return weight, bias

    cdef int check_strip(self) except -1:
        if self.strip != fi_strip(self.dtype):
            raise RuntimeError("this network was packed for another instruction set")
        return 0

    def run(self, x, out, threads):
        """The last layer's output for x, in `out` or a new array; None if the call is not plain."""
        cdef fi_dtype dtype = self.dtype
        cdef fi_network_job job
        cdef strided a
        cdef int i
        cdef int64_t rows = 1, items = 1
        cdef bint shared = True
        cdef int population = <int>len(self.leading)
        cdef int64_t columns = self.outputs
        cdef tuple shape
        self.check_strip()
        if not open_array(x, &a, &dtype):
            return None
        try:
            if a.ndim < 1 or a.shape[a.ndim - 1] != self.inputs or not consecutive(&a):
                return None
            job.dtype, job.count, job.layers = self.dtype, self.count, self.layers
            job.x, job.items, job.x_item, job.x_row = a.view.buf, self.items, 0, 0
            if population == 0:
                # All axes but the last are rows, if they are evenly spaced.
                for i in range(a.ndim - 2, -1, -1):
                    if a.shape[i] == 1:
                        continue
                    if rows == 1:
                        job.x_row = a.strides[i]
                    elif a.strides[i] != rows * job.x_row:
                        return None
                    rows *= a.shape[i]
                shape = shape_of(rows, columns, a.ndim == 1)
                if a.ndim > 2:
                    shape = tuple([a.shape[i] for i in range(a.ndim - 1)]) + (columns,)
            else:
                if a.ndim >= 2:
                    rows, job.x_row = a.shape[a.ndim - 2], a.strides[a.ndim - 2]
                    for i in range(a.ndim - 2):
                        shared = shared and a.shape[i] == 1
                    if not shared:
                        if tuple([a.shape[i] for i in range(a.ndim - 2)]) != self.leading:
                            return None
                        for i in range(a.ndim - 3, -1, -1):
                            if a.shape[i] == 1:
                                continue
                            if items == 1:
                                job.x_item = a.strides[i]
                            elif a.strides[i] != items * job.x_item:
                                return None
                            items *= a.shape[i]
                    elif a.ndim - 2 > population:
                        return None
                shape = self.leading + shape_of(rows, columns, a.ndim == 1)
            job.rows = rows
            return self.run_job(&job, &a, out, shape, threads)
        finally:
            PyBuffer_Release(&a.view)

    cdef run_job(self, fi_network_job *job, strided *a, out, tuple shape, threads):
        cdef fi_network_plan plan
        cdef fi_dtype dtype = self.dtype
        cdef strided o
        cdef Memory memory = None
        cdef int64_t count = job.items * job.rows * self.outputs
        if out is None:
            if count * a.itemsize >= LARGE_RESULT:
                return None
            out = _empty(shape, _FLOATS[dtype])
        elif not isinstance(out, _ndarray) or out.shape != shape:
            return None
        if not open_array(out, &o, &dtype, PyBUF_WRITABLE):
            return None
        try:
            if o.view.len != count * o.itemsize or not c_contiguous(&o) or not apart(&o, a):
                return None
            if count == 0:
                return out
            job.out = o.view.buf
            fi_plan_network(job, 1, &plan)
            if plan.work >= FI_THREADED_WORK:
                fi_plan_network(job, thread_count(threads), &plan)
            if plan.workspace:
                memory = take_workspace(plan.workspace)
            if plan.work < GIL_WORK:
                fi_network(job, &plan, memory.aligned if memory is not None else NULL)
            else:
                with nogil:
                    fi_network(job, &plan, memory.aligned if memory is not None else NULL)
            if memory is not None:
                give_workspace(memory)
        finally:
            PyBuffer_Release(&o.view)
        return out
