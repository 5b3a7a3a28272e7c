# An activation of a whole array: part of _kernels.pyx.

# The same in Python; see csrc/fastinit.h.
THREADED_BYTES = FI_THREADED_BYTES

# The activations of csrc/activations.def: their codes, which of them work on rows and which make of a row another of
# half as many, their parameters (the standard values, and which are allowed), and other names of theirs. The names are
# interned, as those in a caller's code are, so that they are found at once.
ACTIVATIONS = {sys.intern(fi_activation_name(<fi_activation><int>i).decode()): i for i in range(FI_ACTIVATION_COUNT)}
ROW_ACTIVATIONS = frozenset(
    [name for name, i in ACTIVATIONS.items() if fi_activation_takes(<fi_activation><int>i) == FI_ROWS]
)
GATED_ACTIVATIONS = frozenset(
    [name for name, i in ACTIVATIONS.items() if fi_activation_takes(<fi_activation><int>i) == FI_HALVES]
)

# A Function's `takes` where it makes of a row another of half as many.
HALVES = FI_HALVES

cdef dict _LIMITS = {
    FI_FINITE: "finite",
    FI_POSITIVE: "finite and > 0",
    FI_NOT_NEGATIVE_FINITE: "finite and >= 0",
    FI_NOT_NEGATIVE: ">= 0",
    FI_ANY: "a number",
    FI_NOT_BELOW: "at least",
    FI_FINITE_OR_ARRAY: "finite, or an array",
}


cdef dict parameters_of(int code):
    cdef int i = 0
    cdef dict found = {}
    while fi_parameter_at(i) != NULL:
        if <int>fi_parameter_at(i).activation == code:
            limit = _LIMITS[<int>fi_parameter_at(i).limit]
            found[fi_parameter_at(i).name.decode()] = fi_parameter_at(i).standard, limit
        i += 1
    return found


cdef dict all_aliases():
    cdef int i = 0
    cdef dict found = {}
    while fi_alias_at(i) != NULL:
        found[sys.intern(fi_alias_at(i).name.decode())] = fi_activation_name(fi_alias_at(i).activation).decode()
        i += 1
    return found


ACTIVATION_PARAMETERS = {name: parameters_of(code) for name, code in ACTIVATIONS.items()}
ACTIVATION_ALIASES = all_aliases()


cdef class Function:
    """An activation with values for its first parameters, or with one for every column. Immutable."""

    cdef fi_function c
    cdef readonly fi_takes takes
    cdef Memory memory  # of the values for columns
    cdef fi_dtype dtype  # likewise
    cdef int64_t columns

    def __cinit__(self, int code, tuple parameters not None=(), of_columns=None):
        cdef int i
        cdef opened a
        self.dtype = FI_DTYPE_COUNT
        if not 0 <= code < FI_ACTIVATION_COUNT:
            raise ValueError(f"there is no activation of code {code}")
        if len(parameters) > FI_MOST_PARAMETERS:
            raise ValueError(f"an activation has at most {FI_MOST_PARAMETERS} parameters. Received: {parameters}")
        self.c = fi_standard_function(<fi_activation>code)
        self.takes = fi_activation_takes(<fi_activation>code)
        for i in range(len(parameters)):
            self.c.parameter[i] = parameters[i]
        if of_columns is None:
            return
        if not open_array(of_columns, &a, &self.dtype):
            raise TypeError("values for columns must be an array of float32 or float64")
        try:
            if a.array.ndim != 1 or not fi_contiguous(&a.array):
                raise ValueError("values for columns must be 1-D and contiguous")
            self.columns = a.array.shape[0]
            self.memory = Memory(a.size)
            memcpy(self.memory.aligned, a.memory, a.size)
            self.c.of_columns = self.memory.aligned
        finally:
            close_array(&a)

    cdef bint fits(self, fi_dtype dtype, int64_t columns):
        """Whether it can be computed of rows of so many columns."""
        if self.takes == FI_HALVES:
            return columns % 2 == 0
        return self.c.of_columns == NULL or (self.dtype == dtype and self.columns == columns)


def activate(x, Function function not None, out, threads, bint known_apart=False):
    """f(x), of every value or along the last axis, in `out`, which may be x, or a new array.

    None if arrays do not fit, or may overlap; with `known_apart`, the caller has found that they do not.
    """
    cdef fi_dtype dtype = FI_DTYPE_COUNT
    cdef opened a
    if not open_array(x, &a, &dtype):
        return None
    try:
        if function.takes != FI_VALUES:
            if a.array.ndim == 0 or not function.fits(dtype, a.array.shape[a.array.ndim - 1]):
                return None
        return activate_of(&a, dtype, function, out, threads, known_apart)
    finally:
        close_array(&a)


cdef activate_of(const opened *a, fi_dtype dtype, Function function, out, threads, bint known_apart):
    cdef fi_scattered scattered
    cdef fi_shape shape
    cdef opened o
    cdef bint is_new, apart
    cdef int i
    cdef int64_t columns
    cdef int most = 1
    cdef bint gathers, halves = function.takes == FI_HALVES
    shape.ndim = a.array.ndim
    shape.count = a.size // a.array.itemsize
    for i in range(shape.ndim):
        shape.sizes[i] = a.array.shape[i]
    columns = shape.sizes[shape.ndim - 1] if shape.ndim else 1
    if halves:
        shape.sizes[shape.ndim - 1] //= 2
        shape.count //= 2
    out = open_out(out, &shape, dtype, &o, &is_new)
    if out is None:
        return None
    try:
        gathers = shape.count > 0 and fi_lay_out_activation(&a.array, &scattered)
        apart = is_new or known_apart or fi_apart(&o.array, &a.array)
        if not apart and (gathers or halves or o.memory != a.memory):
            return None
        if shape.count == 0:
            return out
        if gathers and halves:
            return None
        if a.size >= fi_activation_threaded_bytes(function.c.activation):
            most = thread_count(threads)
        if a.size < GIL_BYTES:
            if gathers:
                fi_activate_scattered(dtype, &function.c, &scattered, o.memory, 1)
            else:
                fi_activate(dtype, &function.c, a.memory, o.memory, a.size // a.array.itemsize // columns,
                            columns, 1)
        else:
            with nogil:
                if gathers:
                    fi_activate_scattered(dtype, &function.c, &scattered, o.memory, most)
                else:
                    fi_activate(dtype, &function.c, a.memory, o.memory, a.size // a.array.itemsize // columns,
                                columns, most)
    finally:
        close_array(&o)
    return out
