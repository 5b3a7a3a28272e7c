# One dense layer: part of _kernels.pyx.

def dense(x, weight, bias, Function function not None, out, bint transpose_weight, threads, bint known_apart=False):
    """activate(x weight + bias), in `out` or a new array; None if arrays do not fit, or may overlap.

    With `known_apart`, the caller has found that no element of `out` is one of another array.
    """
    cdef fi_dtype dtype = FI_DTYPE_COUNT
    cdef opened a, w, b
    cdef int open_count = 0
    try:
        if not open_array(x, &a, &dtype):
            return None
        open_count = 1
        if not open_array(weight, &w, &dtype):
            return None
        open_count = 2
        if bias is not None:
            if not open_array(bias, &b, &dtype):
                return None
            open_count = 3
        return dense_of(&a.array, &w.array, &b.array if bias is not None else NULL, dtype, function, out,
                        transpose_weight, threads, known_apart)
    finally:
        if open_count > 0:
            close_array(&a)
        if open_count > 1:
            close_array(&w)
        if open_count > 2:
            close_array(&b)


cdef dense_of(const fi_array *x, const fi_array *weight, const fi_array *bias, fi_dtype dtype, Function function,
              out, bint transpose_weight, threads, bint known_apart):
    cdef fi_dense_job job
    cdef fi_dense_plan plan
    cdef fi_shape shape
    cdef opened o
    cdef bint is_new
    cdef Memory memory = None
    cdef char small[STACK_BYTES + ALIGNMENT]
    cdef void *workspace
    job.dtype = dtype
    job.function = function.c
    if not fi_lay_out_dense(&job, x, weight, bias, transpose_weight, &shape) or not function.fits(dtype, job.columns):
        return None
    out = open_out(out, &shape, dtype, &o, &is_new)
    if out is None:
        return None
    try:
        if not (is_new or known_apart or (fi_apart(&o.array, x) and fi_apart(&o.array, weight)
                                          and (bias == NULL or fi_apart(&o.array, bias)))):
            return None
        if shape.count == 0:
            return out
        job.out = o.memory
        fi_plan_dense(&job, 1, &plan)
        if plan.work >= FI_THREADED_WORK:
            fi_plan_dense(&job, thread_count(threads), &plan)
        if plan.workspace <= STACK_BYTES:
            workspace = on_cache_line(small)
        else:
            memory = take_workspace(plan.workspace)
            workspace = memory.aligned
        if plan.work < GIL_WORK:
            fi_dense(&job, &plan, workspace)
        else:
            with nogil:
                fi_dense(&job, &plan, workspace)
        if memory is not None:
            give_workspace(memory)
    finally:
        close_array(&o)
    return out
