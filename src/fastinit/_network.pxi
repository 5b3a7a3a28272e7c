# Networks of dense layers: part of _kernels.pyx.

cdef class Network:
    """Dense layers with packed weights. Python has checked that shapes and dtypes fit."""

    cdef fi_dtype dtype
    cdef int count
    cdef int64_t items
    cdef int strip
    cdef fi_layer *layers
    cdef list memories
    cdef list functions  # which own what the layers' point at
    cdef readonly list shapes  # of weights and biases, None for no bias
    cdef readonly tuple leading
    cdef int64_t population[FI_MAX_NDIM]  # the same
    cdef readonly int64_t inputs, outputs

    def __cinit__(self, int dtype, list layers not None, tuple leading not None):
        """A layer is (weight, bias or None, function); weight is (in, out) or leading + (in, out)."""
        cdef int i
        cdef Function function
        self.layers = <fi_layer *>PyMem_RawMalloc(len(layers) * sizeof(fi_layer))
        if self.layers == NULL:
            raise MemoryError(f"{len(layers) * sizeof(fi_layer)} bytes for a network's layers cannot be had")
        self.dtype = <fi_dtype>dtype
        self.count = <int>len(layers)
        self.leading = leading
        self.items = 1
        if len(leading) > FI_MAX_NDIM - 2:
            raise ValueError(f"a population has at most {FI_MAX_NDIM - 2} axes. Received: {len(leading)}")
        for i in range(len(leading)):
            self.population[i] = leading[i]
            self.items *= self.population[i]
        self.strip = fi_strip(self.dtype)
        self.memories = [None] * (2 * self.count)
        self.shapes = []
        self.functions = []
        for i in range(self.count):
            weight, bias, function = layers[i]
            self.layers[i].depth = weight.shape[-2]
            self.layers[i].columns = weight.shape[-1]
            if not function.fits(self.dtype, self.layers[i].columns):
                raise ValueError("an activation does not fit its layer")
            self.layers[i].function = function.c
            self.functions.append(function)
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
        self.outputs = fi_outputs(&self.layers[self.count - 1])

    def __dealloc__(self):
        PyMem_RawFree(self.layers)

    def set(self, int index, weight, bias):
        """Copy new values, of the old shapes, into a layer, unless it has them; None leaves the old ones.

        A weight that all networks share may have any strides.
        """
        cdef fi_layer *layer = &self.layers[index]
        cdef fi_dtype dtype = self.dtype
        cdef opened w
        cdef int64_t n, items, row, column, matrix, itemsize = <int64_t>fi_itemsize(self.dtype)
        cdef int64_t packed = fi_packed_size(layer.depth, layer.columns)
        cdef bint held
        cdef Memory memory
        self.check_strip()
        if weight is not None:
            if not open_array(weight, &w, &dtype):
                raise TypeError("a weight must be an array of the network's dtype")
            try:
                items = self.items if len(self.shapes[index][0]) > 2 else 1
                matrix = layer.depth * layer.columns * itemsize
                row, column = layer.columns, 1
                if w.array.ndim == 2 and w.array.shape[0] == layer.depth:
                    row, column = w.array.strides[0] // itemsize, w.array.strides[1] // itemsize
                elif not fi_contiguous(&w.array):
                    raise ValueError("a population's weight must be C-contiguous")
                if not fi_aligned(&w.array) or w.size != items * matrix:
                    raise ValueError("a weight must be aligned and of the layer's shape")
                memory = self.memories[2 * index]
                held = memory is not None
                if memory is None:
                    memory = self.memories[2 * index] = Memory((items * packed + FI_PACKED_SLACK) * itemsize)
                    layer.strips = memory.aligned
                for n in range(items):
                    held = held and fi_is_packed(self.dtype, <char *>w.memory + n * matrix, row, column, layer.depth,
                                                 layer.columns, <char *>memory.aligned + n * packed * itemsize)
                # All or none: what pads a packed matrix reaches into the next.
                for n in range(0 if held else items):
                    fi_pack(self.dtype, <char *>w.memory + n * matrix, row, column, layer.depth, layer.columns,
                            <char *>memory.aligned + n * packed * itemsize)
            finally:
                close_array(&w)
        if bias is not None:
            if not open_array(bias, &w, &dtype):
                raise TypeError("a bias must be an array of the network's dtype")
            try:
                items = self.items if len(self.shapes[index][1]) > 1 else 1
                if not fi_contiguous(&w.array) or w.size != items * layer.columns * itemsize:
                    raise ValueError("a bias must be C-contiguous and of the layer's shape")
                memory = self.memories[2 * index + 1]
                if memory is None:
                    memory = self.memories[2 * index + 1] = Memory(w.size)
                    layer.bias = memory.aligned
                memcpy(memory.aligned, w.memory, w.size)
            finally:
                close_array(&w)

    def get(self, int index):
        """New arrays with a layer's weight and bias."""
        cdef fi_layer *layer = &self.layers[index]
        cdef int64_t n, items, itemsize = <int64_t>fi_itemsize(self.dtype)
        self.check_strip()
        items = self.items if layer.strips_item else 1
        weight_shape, bias_shape = self.shapes[index]
        weight = np.empty(weight_shape, float_dtype(self.dtype))
        for n in range(items if weight.size else 0):
            fi_unpack(self.dtype, <char *>layer.strips + n * layer.strips_item * itemsize, layer.depth, layer.columns,
                      <char *>PyArray_DATA(<PyArrayObject *>weight) + n * layer.depth * layer.columns * itemsize)
        if layer.bias == NULL:
            return weight, None
        bias = np.empty(bias_shape, float_dtype(self.dtype))
        memcpy(PyArray_DATA(<PyArrayObject *>bias), layer.bias, PyArray_NBYTES(<PyArrayObject *>bias))
        return weight, bias

    cdef int check_strip(self) except -1:
        if self.strip != fi_strip(self.dtype):
            raise RuntimeError("this network was packed for another instruction set")
        return 0

    def run(self, x, out, threads, bint known_apart=False):
        """The last layer's output for x, in `out` or a new array; None as for `dense`."""
        cdef fi_dtype dtype = self.dtype
        cdef opened a
        self.check_strip()
        if not open_array(x, &a, &dtype):
            return None
        try:
            return self.run_of(&a.array, out, threads, known_apart)
        finally:
            close_array(&a)

    cdef run_of(self, const fi_array *x, out, threads, bint known_apart):
        cdef fi_network_job job
        cdef fi_network_plan plan
        cdef fi_shape shape
        cdef opened o
        cdef bint is_new
        cdef Memory memory = None
        cdef char small[STACK_BYTES + ALIGNMENT]
        cdef void *workspace
        job.dtype, job.count, job.layers = self.dtype, self.count, self.layers
        if not fi_lay_out_network(&job, x, <int>len(self.leading), self.population, &shape):
            return None
        out = open_out(out, &shape, self.dtype, &o, &is_new)
        if out is None:
            return None
        try:
            if not is_new and not known_apart and not fi_apart(&o.array, x):
                return None
            if shape.count == 0:
                return out
            job.out = o.memory
            fi_plan_network(&job, 1, &plan)
            if plan.work >= FI_THREADED_WORK:
                fi_plan_network(&job, thread_count(threads), &plan)
            if plan.workspace <= STACK_BYTES:
                workspace = on_cache_line(small)
            else:
                memory = take_workspace(plan.workspace)
                workspace = memory.aligned
            if plan.work < GIL_WORK:
                fi_network(&job, &plan, workspace)
            else:
                with nogil:
                    fi_network(&job, &plan, workspace)
            if memory is not None:
                give_workspace(memory)
        finally:
            close_array(&o)
        return out
