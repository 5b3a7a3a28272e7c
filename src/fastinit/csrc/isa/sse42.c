#include "../simd/sse42.h"
#include "../kernels/all.h"
