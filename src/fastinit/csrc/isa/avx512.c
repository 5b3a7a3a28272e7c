#include "../simd/avx512.h"
#include "../kernels/all.h"
