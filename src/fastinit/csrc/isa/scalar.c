#include "../simd/scalar.h"
#include "../kernels/all.h"
