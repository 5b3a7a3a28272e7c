"""Let a compiled module check itself, apart from its package: `python tools/check_build.py MODULE`.

It prints one line: nothing more if all is right, else what is wrong, or that the module cannot be loaded here. setup.py
runs it after a build; it needs neither NumPy nor the package.
"""

import ctypes
import platform
import sys

CHECK_BYTES = 1 << 19  # FI_CHECK_BYTES of csrc/fastinit.h

# The exit status says which of these it was.
RIGHT, WRONG, NOT_LOADED = 0, 3, 4


def floating_point_mode() -> tuple[object, ...]:
    """How this thread computes: whether subnormals count, how it rounds, and the registers that say so."""
    smallest, least_normal, one = float("5e-324"), float.fromhex("0x1p-1022"), float("1")
    facts: tuple[object, ...] = (
        smallest * one,
        least_normal / 2,
        one + 2.0**-53,
        one + 2.0**-52 * 0.75,
        -one - 2.0**-53,
    )
    if sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64"):
        environment = ctypes.create_string_buffer(64)
        libc = ctypes.CDLL(None)
        (libc if hasattr(libc, "fegetenv") else ctypes.CDLL("libm.so.6")).fegetenv(environment)
        exceptions = 0x3F  # that were seen: no mode
        x87 = int.from_bytes(environment.raw[0:2], "little")
        mxcsr = int.from_bytes(environment.raw[28:32], "little") & ~exceptions
        facts += (hex(x87), hex(mxcsr))
    return facts


def main(path: str) -> int:
    before = floating_point_mode()
    try:
        module = ctypes.CDLL(path)
    except OSError as error:
        print(error)
        return NOT_LOADED
    if floating_point_mode() != before:
        print("loading it changes the floating-point mode of the process")
        return WRONG
    memory = ctypes.create_string_buffer(CHECK_BYTES + 64)
    module.fi_check.restype = ctypes.c_char_p
    wrong = module.fi_check(ctypes.c_void_p((ctypes.addressof(memory) + 63) // 64 * 64))
    if wrong is not None:
        print(wrong.decode())
        return WRONG
    return RIGHT


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
