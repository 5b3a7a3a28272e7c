"""Networks that were trained elsewhere, as `fastinit.MLP`.

>>> import fastinit
>>> policy = fastinit.convert.from_torch(module)  # doctest: +SKIP
>>> action = policy(observation)  # doctest: +SKIP

What a framework's model computes in evaluation must be a chain of dense layers and activations. Between them may stand
what does nothing then (Dropout, Flatten, Identity, Cast) and what scales and shifts every feature by numbers of its own
(a BatchNorm in evaluation, a scaler of inputs): that is folded into a dense layer, in float64, rounded once. All else
is refused by a sentence that says where it stands: "layer 3: LayerNorm is neither a dense layer nor an activation".

Every activation carries the parameters of its framework: Keras's function leaky_relu has a slope of 0.2, its layer
LeakyReLU one of 0.3, PyTorch's 0.01.

dtype : float32 or float64
    Of the network. By default float64 if one of the weights is, else float32. float16 and bfloat16 become float32
    without rounding.

No framework is imported before its function is called.
"""

from ._from import from_keras, from_onnx, from_safetensors, from_sklearn, from_torch, layers_of
from ._sklearn import Classifier, Regressor

__all__ = [
    "Classifier",
    "Regressor",
    "from_keras",
    "from_onnx",
    "from_safetensors",
    "from_sklearn",
    "from_torch",
    "layers_of",
]
