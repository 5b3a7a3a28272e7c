# What calls of initializers write, and those calls that need no Python beside: part of _kernels.pyx.

cdef extern from *:
    """
    static volatile double fi_smallest = 4.9406564584124654e-324;
    """
    double fi_smallest

cdef extern from "Python.h":
    unsigned long long PyLong_AsUnsignedLongLong(object value) noexcept
    long long PyLong_AsLongLong(object value) noexcept
    ctypedef struct PySliceObject:
        PyObject *start
        PyObject *stop
        PyObject *step

# Arguments that say nothing of the values themselves. Names are interned, as those in a caller's code are.
cdef str _SEED = sys.intern("seed")
cdef str _OUT = sys.intern("out")
cdef str _INDEX = sys.intern("index")
cdef str _DTYPE = sys.intern("dtype")
cdef str _THREADS = sys.intern("threads")

cdef object _dtype_class = np.dtype


def call_key(tuple arguments not None, dict options not None):
    """A key that calls of the same meaning share; None if an argument's equality does not tell that.

    A bool equals an int and an array may equal anything, so only None, numbers, strings and dtypes of exactly these
    types count, and tuples of ints. Where the floats are is part of the key: 2.0 equals 2, and is no axis. Arguments
    alone, without floats, are a key as they are; other keys begin with a tuple of tuples, which is no argument.
    """
    return key_of(arguments, list(options.items()))


cdef tuple key_of(tuple arguments, list options):
    cdef uint64_t floats = 0, bit = 1
    if fi_smallest == 0.0:  # in a process whose subnormals count as zero, many floats equal it and each other
        return None
    for value in arguments:
        if type(value) is float:
            floats |= bit
        elif not is_plain(value):
            return None
        bit <<= 1
    if options is None or not options:
        return arguments if floats == 0 else ((arguments, ()), floats)
    for option in options:
        value = (<tuple>option)[1]
        if type(value) is float:
            floats |= bit
        elif not is_plain(value):
            return None
        bit <<= 1
    return ((arguments, tuple(options)), floats)


def known_request(dict known not None, entry):
    """What is known of an entry of `initialize`, or None if that is for Python to find out.

    `known` holds, for every initializer's name, requests by `call_key`.
    """
    cdef list options = None
    if type(entry) is not tuple or not 2 <= len(<tuple>entry) <= 3 or type((<tuple>entry)[0]) is not str:
        return None
    requests = known.get((<tuple>entry)[0])
    if requests is None:
        return None
    if len(<tuple>entry) == 3:
        given = (<tuple>entry)[2]
        if type(given) is not dict or _SEED in <dict>given or _THREADS in <dict>given:
            return None
        if _OUT in <dict>given or _INDEX in <dict>given:
            return None
        options = list((<dict>given).items())
    key = key_of(((<tuple>entry)[1],), options)
    return None if key is None else (<dict?>requests).get(key)


cdef bint is_plain(value):
    if type(value) is tuple:
        for n in <tuple>value:
            if type(n) is not int:
                return False
        return True
    return value is None or type(value) in (int, str, type) or isinstance(value, _dtype_class)


cdef class Task:
    """What is written to a tensor or a block of it, by a law or everywhere the same; not where. Immutable."""

    cdef Law law  # or None, and
    cdef bytes element
    cdef bint of_zeros
    cdef object dtype  # NumPy's
    cdef int64_t itemsize
    cdef object threads  # the most, or None
    cdef fi_job job  # its shape and block
    cdef int64_t size  # bytes

    def __init__(self, Law law, bytes element, dtype not None, tuple shape not None, tuple block, threads):
        """Of `law` and `element`, one is None; `element` holds the bytes of one."""
        self.itemsize = <int64_t>len(element) if law is None else <int64_t>fi_itemsize(law.c.dtype)
        if dtype.itemsize != self.itemsize or self.itemsize == 0:
            raise ValueError(f"elements of {self.itemsize} bytes are none of {dtype}")
        self.law = law
        self.element = element
        self.of_zeros = law is None and element.count(0) == len(element)
        self.dtype = dtype
        self.threads = threads
        self.size = describe_block(&self.job, shape, block) * self.itemsize

    def fulfil(self, out, seed, stream_of, thread_limit):
        """Write to `out`, which has been checked, or to a new array, and return it.

        `stream_of` makes key and stream of a seed, `thread_limit` tells how many threads a large array may have.
        """
        cdef fi_job job
        copy_block(&job, &self.job)
        return self.write(&job, out, seed, stream_of, thread_limit)

    cdef int describe(self, fi_job *job, object out, uint64_t key, uint64_t stream) except -1:
        """What a law writes to an array that is there, under a key."""
        if self.law is None:
            raise TypeError("only the values of a law are a fill")
        copy_block(job, &self.job)
        job.law = &self.law.c
        job.source.key = key
        job.source.stream = stream
        job.source.words = NULL
        job.out = memory_of_out(out, self.size)
        return 0

    cdef object write(self, fi_job *job, object out, object seed, object stream_of, object thread_limit):
        cdef int64_t shape[FI_MAX_NDIM]
        cdef int64_t size = self.itemsize
        cdef int i, threads
        for i in range(job.ndim):
            shape[i] = job.stop[i] - job.start[i]
            size *= shape[i]
        array = new_array(job.ndim, shape, self.dtype, size, self.of_zeros) if out is None else out
        job.out = memory_of_out(array, size)
        if self.law is None:
            if out is not None or not self.of_zeros:
                self.repeat_element(job.out, size)
            return array
        job.law = &self.law.c
        threads = 1 if size < FI_THREADED_BYTES else self.threads or thread_limit()
        set_source(job, seed, stream_of)  # which advances a generator: nothing fails after it
        if size < GIL_BYTES:
            fi_fill(job, 1, 1)
        else:
            with nogil:
                fi_fill(job, 1, threads)
        return array

    cdef void repeat_element(self, void *to, int64_t size):
        cdef const char *element = self.element
        if size < GIL_BYTES:
            repeat(to, size, element, self.itemsize)
        else:
            with nogil:
                repeat(to, size, element, self.itemsize)


cdef void copy_block(fi_job *to, const fi_job *source) noexcept:
    cdef int i
    to.ndim = source.ndim
    for i in range(source.ndim):
        to.shape[i] = source.shape[i]
        to.start[i] = source.start[i]
        to.stop[i] = source.stop[i]


cdef void *memory_of_out(object array, int64_t size) except NULL:
    """Where a C-contiguous, writable array of so many bytes begins, whatever its class makes of it."""
    cdef PyArrayObject *found = <PyArrayObject *>array
    if (not PyArray_Check(array) or PyArray_FLAGS(found) & NPY_ARRAY_CARRAY != NPY_ARRAY_CARRAY
            or PyArray_NBYTES(found) != size):
        raise ValueError(f"`out` must be a C-contiguous array of {size} bytes that can be written")
    PyArray_FailUnlessWriteable(found, b"`out`")
    return PyArray_DATA(found)


cdef int set_source(fi_job *job, object seed, object stream_of) except -1:
    job.source.words = NULL
    if type(seed) is int:
        job.source.key = PyLong_AsUnsignedLongLong(seed)
        job.source.stream = 0
        if job.source.key != <uint64_t>-1 or not PyErr_Occurred():
            return 0
        PyErr_Clear()
    job.source.key, job.source.stream = stream_of(seed)
    return 0


def at_once(dict known not None, tuple arguments not None, dict options not None, stream_of, thread_limit):
    """The array that a call asks for; None if that is for Python to find out, and then nothing has been done.

    `known` holds requests by `call_key`, of whole tensors and without an `out`; what one writes is its `task`.
    """
    cdef Task task
    cdef fi_job job
    cdef list others = None
    cdef object seed = None, out = None, index = None
    for name, value in options.items():
        if name is _SEED:
            seed = value
        elif name is _OUT:
            out = value
        elif name is _INDEX:
            index = value
        elif others is None:
            others = [(name, value)]
        else:
            others.append((name, value))
    if out is not None:
        if not PyArray_CheckExact(out) or _DTYPE in options:
            return None
        if others is None:
            others = []
        others.append((_DTYPE, <object>PyArray_DESCR(<PyArrayObject *>out)))
    key = key_of(arguments, others)
    request = None if key is None else known.get(key)
    if request is None:
        return None
    task = request.task
    if task is None:
        return None
    copy_block(&job, &task.job)
    if index is not None and not cut(&job, index) or out is not None and not takes(<PyArrayObject *>out, &job):
        return None
    return task.write(&job, out, seed, stream_of, thread_limit)


cdef bint takes(PyArrayObject *out, const fi_job *job) noexcept:
    """Whether an array has the shape of a block, and lies as it shall."""
    cdef int i
    if PyArray_NDIM(out) != job.ndim or PyArray_FLAGS(out) & NPY_ARRAY_CARRAY != NPY_ARRAY_CARRAY:
        return False
    for i in range(job.ndim):
        if PyArray_DIMS(out)[i] != job.stop[i] - job.start[i]:
            return False
    return True


cdef bint cut(fi_job *job, object index) noexcept:
    """Make the block of a job what slices ask for; False if they are wrong, or not of plain ints."""
    cdef PySliceObject *part
    cdef int i
    if type(index) is not tuple or len(<tuple>index) != job.ndim:
        return False
    for i in range(job.ndim):
        if type((<tuple>index)[i]) is not slice:
            return False
        part = <PySliceObject *>(<tuple>index)[i]
        if <object>part.step is not None and (type(<object>part.step) is not int or <object>part.step != 1):
            return False
        if not (slice_end(<object>part.start, job.shape[i], &job.start[i])
                and slice_end(<object>part.stop, job.shape[i], &job.stop[i])):
            return False
        if not 0 <= job.start[i] <= job.stop[i] <= job.shape[i]:
            return False
    return True


cdef bint slice_end(object end, int64_t size, int64_t *place) noexcept:
    """Leave it as it is for None."""
    if end is None:
        return True
    if type(end) is not int:
        return False
    place[0] = PyLong_AsLongLong(end)
    if place[0] == -1 and PyErr_Occurred():
        PyErr_Clear()
        return False
    if place[0] < 0:
        place[0] += size
    return True
