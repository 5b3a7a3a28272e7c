# One dense layer: part of _kernels.pyx.

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
        out = new_array(shape, dtype, count * a.itemsize)
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
