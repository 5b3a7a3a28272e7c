"""The arithmetic of the kernels once more, in NumPy: what they are tested against, bit for bit."""
