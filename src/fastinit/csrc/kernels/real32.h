/* What a real number is in a kernel that is written once for both widths: here float32. Such a kernel
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
#define real float
#define vr vf
#define VR(operation) vf_##operation /* VR(fma)(a, b, c) */
#define REAL(name) name##32       /* the name of this width's function */
#define REAL_LANES FI_LANES
#define REAL_BITS 32
#define REAL_DTYPE FI_F32
#define VU(operation) vu_##operation##32 /* VU(add)(a, b) */
#define vrm vfm
