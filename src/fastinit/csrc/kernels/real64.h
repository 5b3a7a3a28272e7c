/* What a real number is in a kernel that is written once for both widths: here float64. Such a kernel
 * is included twice, after this file and after its twin, and so this file has no guard. */
#undef real
#undef vr
#undef VR
#undef REAL
#undef REAL_LANES
#undef REAL_BITS
#undef REAL_DTYPE
#undef VU
#undef vrm
#define real double
#define vr vd
#define VR(operation) vd_##operation /* VR(fma)(a, b, c) */
#define REAL(name) name##64       /* the name of this width's function */
#define REAL_LANES (FI_LANES / 2)
#define REAL_BITS 64
#define REAL_DTYPE FI_F64
#define VU(operation) vu_##operation##64 /* VU(add)(a, b) */
#define vrm vdm
