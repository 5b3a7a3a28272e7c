/* What a real number is in a kernel that is written once for both widths: here float32. Such a kernel
 * is included twice, after this file and after its twin, and so this file has no guard. */
#undef real
#undef vr
#undef VR
#undef REAL
#undef REAL_LANES
#define real float
#define vr vf
#define VR(operation) vf_##operation /* VR(fma)(a, b, c) */
#define REAL(name) name##32       /* the name of this width's function */
#define REAL_LANES FI_LANES
