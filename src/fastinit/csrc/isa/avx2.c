#include "../simd/avx2.h"
#include "../kernels/all.h"
