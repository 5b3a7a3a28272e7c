"""The backend that this process has: NumPy's values become its tensors, without a copy where it can."""

import keras

if keras.backend.backend() == "torch":
    from ._torch import make, place
elif keras.backend.backend() == "jax":
    from ._jax import make, place
else:
    from ._other import make, place

__all__ = ["make", "place"]
