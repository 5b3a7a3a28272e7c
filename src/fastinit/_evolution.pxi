# Perturbed parameters, and the weighted sum of their perturbations: part of _kernels.pyx.

cdef Py_ssize_t describe_noise(
    fi_job *job, Law normal, uint64_t key, uint64_t stream, tuple shape, tuple block
) except -1:
    """Describe a block of a tensor of normals, its first axis that of the rows; return the bytes of a row."""
    cdef Py_ssize_t row = <Py_ssize_t>fi_itemsize(normal.c.dtype)
    cdef int i
    if normal.c.dtype != FI_F32 and normal.c.dtype != FI_F64:
        raise ValueError("populations are computed in float32 or float64")
    if not shape:
        raise ValueError("a tensor of normals has at least an axis of rows")
    describe(job, normal, key, stream, shape, block)
    for i in range(1, job.ndim):
        row *= job.stop[i] - job.start[i]
    return row


cdef int check_size(str name, Py_ssize_t size, Py_ssize_t wanted) except -1:
    if size != wanted:
        raise ValueError(f"`{name}` has {size} bytes instead of {wanted}")
    return 0


def perturb(Law normal not None, out, theta, sigma, uint64_t key, uint64_t stream, tuple shape not None,
            tuple block not None, tuple members not None, bint pairs, int threads):
    """Write members (first, last) of a population around `theta` to `out`; see csrc/fastinit.h.

    `shape` and `block` are those of the normals, a law of the arrays' dtype. All arrays are C-contiguous: `out` has a
    row for each member, `theta` is one row, `sigma` is a float or has two axes: of one row or as many as `out`, of one
    column or as many as `theta`. `out` is apart from the others, or `theta` itself where there is one member.
    """
    cdef fi_perturb_job job
    cdef Py_ssize_t row = describe_noise(&job.noise, normal, key, stream, shape, block)
    cdef Py_ssize_t itemsize = <Py_ssize_t>fi_itemsize(normal.c.dtype)
    cdef Py_buffer o, t, s
    cdef int open_count = 0
    cdef int64_t last
    job.pairs = pairs
    job.first, last = members
    job.members = last - job.first
    if not 0 <= job.first <= last or (job.noise.start[0], job.noise.stop[0]) != (
        (job.first // 2, last - last // 2) if pairs else members
    ):
        raise ValueError(f"members {members} are not those of rows {block[0]}")
    job.sigma = 0.0
    job.sigma_array = NULL
    job.sigma_row = job.sigma_column = 0
    try:
        PyObject_GetBuffer(out, &o, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        open_count = 1
        PyObject_GetBuffer(theta, &t, PyBUF_C_CONTIGUOUS)
        open_count = 2
        check_size("out", o.len, job.members * row)
        check_size("theta", t.len, row)
        if isinstance(sigma, float):
            job.sigma = sigma
        else:
            PyObject_GetBuffer(sigma, &s, PyBUF_C_CONTIGUOUS)
            open_count = 3
            if s.ndim != 2 or s.shape[0] not in (1, job.members) or s.shape[1] * itemsize not in (itemsize, row):
                raise ValueError("`sigma` has other rows or columns than the population")
            check_size("sigma", s.len, s.shape[0] * s.shape[1] * itemsize)
            job.sigma_array = s.buf
            job.sigma_row = s.shape[1] if s.shape[0] > 1 else 0
            job.sigma_column = s.shape[1] > 1
        job.theta = t.buf
        job.out = o.buf
        if o.len < GIL_BYTES:
            fi_perturb(&job, 1)
        else:
            with nogil:
                fi_perturb(&job, threads)
    finally:
        if open_count > 0:
            PyBuffer_Release(&o)
        if open_count > 1:
            PyBuffer_Release(&t)
        if open_count > 2:
            PyBuffer_Release(&s)


def recombine(Law normal not None, out, weights, uint64_t key, uint64_t stream, tuple shape not None,
              tuple block not None, bint squares, int threads):
    """Write the weighted sum of the rows of a block of normals, or of their `squares`, to `out`.

    `shape` and `block` are those of the normals, a law of the arrays' dtype. `out` and `weights` are C-contiguous and
    apart from each other: one row, and one number for each row of the block.
    """
    cdef fi_recombine_job job
    cdef Py_ssize_t row = describe_noise(&job.noise, normal, key, stream, shape, block)
    cdef int64_t rows = job.noise.stop[0] - job.noise.start[0]
    cdef Py_buffer o, w
    cdef int open_count = 0
    job.squares = squares
    try:
        PyObject_GetBuffer(out, &o, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        open_count = 1
        PyObject_GetBuffer(weights, &w, PyBUF_C_CONTIGUOUS)
        open_count = 2
        check_size("out", o.len, row)
        check_size("weights", w.len, rows * <Py_ssize_t>fi_itemsize(normal.c.dtype))
        job.out = o.buf
        job.weights = w.buf
        if rows * row < GIL_BYTES:
            fi_recombine(&job, 1)
        else:
            with nogil:
                fi_recombine(&job, threads)
    finally:
        if open_count > 0:
            PyBuffer_Release(&o)
        if open_count > 1:
            PyBuffer_Release(&w)
