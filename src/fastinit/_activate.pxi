# An activation of a whole array: part of _kernels.pyx.

# The same in Python; see csrc/fastinit.h.
THREADED_BYTES = FI_THREADED_BYTES


def activate(x, int kind, double parameter, out, bint of_rows, threads, bint known_apart=False):
    """f(x), of every value or `of_rows` along the last axis, in `out`, which may be x, or a new array.

    None if arrays do not fit, or may overlap; with `known_apart`, the caller has found that they do not.
    """
    cdef fi_dtype dtype = FI_DTYPE_COUNT
    cdef opened a
    if not 0 <= kind < FI_ACTIVATION_COUNT:
        raise ValueError(f"there is no activation of code {kind}")
    if not open_array(x, &a, &dtype):
        return None
    try:
        if of_rows and a.array.ndim == 0:
            return None
        return activate_of(&a, dtype, kind, parameter, out, threads, known_apart)
    finally:
        close_array(&a)


cdef activate_of(const opened *a, fi_dtype dtype, int kind, double parameter, out, threads, bint known_apart):
    cdef fi_scattered scattered
    cdef fi_shape shape
    cdef opened o
    cdef bint is_new, apart
    cdef int i
    cdef int64_t columns
    cdef int most = 1
    cdef bint gathers
    shape.ndim = a.array.ndim
    shape.count = a.size // a.array.itemsize
    for i in range(shape.ndim):
        shape.sizes[i] = a.array.shape[i]
    out = open_out(out, &shape, dtype, &o, &is_new)
    if out is None:
        return None
    try:
        gathers = shape.count > 0 and fi_lay_out_activation(&a.array, &scattered)
        apart = is_new or known_apart or fi_apart(&o.array, &a.array)
        if not apart and (gathers or o.memory != a.memory):
            return None
        if shape.count == 0:
            return out
        columns = shape.sizes[shape.ndim - 1] if shape.ndim else 1
        if a.size >= FI_THREADED_BYTES:
            most = thread_count(threads)
        if a.size < GIL_BYTES:
            if gathers:
                fi_activate_scattered(dtype, <fi_activation>kind, parameter, &scattered, o.memory, 1)
            else:
                fi_activate(dtype, <fi_activation>kind, parameter, a.memory, o.memory, shape.count // columns,
                            columns, 1)
        else:
            with nogil:
                if gathers:
                    fi_activate_scattered(dtype, <fi_activation>kind, parameter, &scattered, o.memory, most)
                else:
                    fi_activate(dtype, <fi_activation>kind, parameter, a.memory, o.memory,
                                shape.count // columns, columns, most)
    finally:
        close_array(&o)
    return out
