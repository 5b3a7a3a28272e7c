"""The functions that take a model of a framework, each of which imports its own when it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._arguments import DTypeLike
from .._safetensors import PathLike
from ..forward import MLP, Activation, Layer
from . import _files
from ._chain import Chain

if TYPE_CHECKING:
    from ._sklearn import Classifier, Regressor


def from_torch(module: Any, *, dtype: DTypeLike = None) -> MLP:
    """Make a network of a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        A Sequential, nested or not, of Linear, activations, BatchNorm1d, Dropout, Identity and Flatten, or a module
        whose forward torch.fx can trace as a chain of these, of their functions, and of constants that are added or
        multiplied. What it computes in evaluation is converted, whatever mode it is in.
    dtype : float32 or float64, optional
        See `fastinit.convert`.

    Returns
    -------
    MLP
        Of copies of the weights.

    Raises
    ------
    TypeError, ValueError
        If the module is anything else; the sentence names the layer.

    Examples
    --------
    >>> import fastinit, torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 4))
    >>> policy = fastinit.convert.from_torch(module)
    >>> policy
    MLP(8 -> 64 tanh -> 4 linear, float32, 836 parameters)
    >>> observation = torch.ones(8)
    >>> torch.allclose(torch.from_numpy(policy(observation.numpy())), module(observation), atol=1e-6)
    True
    """
    return MLP(_read("torch", module).layers(dtype))


def from_keras(model: Any, *, dtype: DTypeLike = None) -> MLP:
    """Make a network of a Keras 3 model, on any backend.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
        A functional model must be one chain. Dense, activations, BatchNormalization, Normalization, Rescaling, the
        dropouts and noises, Flatten, Identity, and models of these.
    dtype : float32 or float64, optional
        See `fastinit.convert`.

    Returns
    -------
    MLP
        Of copies of the weights.

    Raises
    ------
    TypeError, ValueError
        If the model is anything else; the sentence names the layer.

    Examples
    --------
    >>> import fastinit, keras
    >>> layers = [keras.Input((8,)), keras.layers.Dense(64, "leaky_relu"), keras.layers.Dense(4)]
    >>> fastinit.convert.from_keras(keras.Sequential(layers))
    MLP(8 -> 64 leaky_relu(0.2) -> 4 linear, float32, 836 parameters)
    """
    return MLP(_read("keras", model).layers(dtype))


def from_onnx(model: Any, *, dtype: DTypeLike = None) -> MLP:
    """Make a network of an ONNX model.

    Parameters
    ----------
    model : str, os.PathLike, bytes or onnx.ModelProto
        One chain of Gemm, MatMul with a constant, Add, Sub, Mul and Div with constants, BatchNormalization,
        activations, also as exporters write them out (silu as ``x * sigmoid(x)``, gelu by Erf), Flatten, Identity,
        Dropout, Cast between floats.
    dtype : float32 or float64, optional
        See `fastinit.convert`.

    Returns
    -------
    MLP
        Of copies of the weights.

    Raises
    ------
    TypeError, ValueError
        If the model is anything else; the sentence names the node.

    Examples
    --------
    >>> import fastinit, numpy, onnx
    >>> from onnx import helper, numpy_helper
    >>> weight = numpy_helper.from_array(numpy.ones((3, 2), numpy.float32), "w")
    >>> nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    >>> x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy")
    >>> graph = helper.make_graph(nodes, "network", [x], [y], [weight])
    >>> fastinit.convert.from_onnx(helper.make_model(graph))
    MLP(3 -> 2 relu, float32, 6 parameters)
    """
    return MLP(_read("onnx", model).layers(dtype))


def from_sklearn(estimator: Any, *, dtype: DTypeLike = None) -> Classifier | Regressor:
    """Make a network of scikit-learn's MLPClassifier or MLPRegressor, or of a Pipeline of scalers and one of these.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier, MLPRegressor or sklearn.pipeline.Pipeline
        Fitted. Of a Pipeline all steps but the last are StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler.
    dtype : float32 or float64, optional
        By default that of the estimator's weights.

    Returns
    -------
    Classifier or Regressor
        Networks with scikit-learn's `predict`, a classifier with `predict_proba` and `classes_` too. Called, they give
        what the last layer does: of a binary classifier one column, the second class's probability.

    Raises
    ------
    TypeError, ValueError
        If the estimator is anything else.

    Examples
    --------
    >>> import fastinit, numpy, warnings
    >>> from sklearn.neural_network import MLPClassifier
    >>> x, y = numpy.eye(4), ["cat", "dog", "cat", "dog"]
    >>> estimator = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(x, y)
    >>> network = fastinit.convert.from_sklearn(estimator)
    >>> network
    Classifier(4 -> 8 relu -> 1 sigmoid, float64, 49 parameters)
    >>> network.predict(x)
    array(['cat', 'dog', 'cat', 'dog'], dtype='<U3')
    >>> network.predict_proba(x).shape
    (4, 2)
    """
    read: Callable[..., Classifier | Regressor] = import_module("._sklearn", __package__).read
    return read(estimator, dtype)


def from_safetensors(
    path: PathLike,
    *,
    activation: Activation | Sequence[Activation] = "relu",
    output_activation: Activation = None,
    names: Iterable[str] | None = None,
    transpose_weight: bool = True,
    dtype: DTypeLike = None,
) -> MLP:
    """Make a network of the weights in a safetensors file, which says nothing of activations.

    Parameters
    ----------
    path : str or os.PathLike
        The file. A layer is the tensors ``NAME.weight`` and, if there is one, ``NAME.bias``, of any float dtype.
    activation : str or (str, float), or a list of them
        Of all layers but the last, or one for each layer.
    output_activation : str or (str, float), optional
        Of the last layer, where `activation` is one for all others.
    names : iterable of str, optional
        The layers' names, from the first layer to the last: ``["actor.0", "actor.2"]``. By default all of the file's,
        in the order of the numbers in their names; then no other tensor may be in the file.
    transpose_weight : bool
        Whether weights are (out, in), as PyTorch stores them.
    dtype : float32 or float64, optional
        See `fastinit.convert`.

    Returns
    -------
    MLP

    Raises
    ------
    OSError, TypeError, ValueError
        If there is no such file, or what it holds is no network.

    Examples
    --------
    >>> import fastinit, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "network.safetensors"
    ...     shapes = {"a": ("he_normal", (8, 64)), "b": ("lecun_normal", (64, 4))}
    ...     fastinit.MLP.from_arrays(list(fastinit.initialize(shapes, seed=0).values())).save(path)
    ...     fastinit.convert.from_safetensors(path, activation="tanh", transpose_weight=False)
    MLP(8 -> 64 tanh -> 4 linear, float32, 768 parameters)
    """
    chain = _files.read(path, activation, output_activation, names, transpose_weight)
    return MLP(chain.layers(dtype))


def layers_of(model: Any, *, dtype: DTypeLike = None) -> list[Layer]:
    """Read the layers of a model of PyTorch, Keras, ONNX or scikit-learn, for `MLP.update_from`.

    Nothing is packed, and weights of PyTorch are the module's own memory.

    Examples
    --------
    >>> import fastinit, torch
    >>> module = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 4))
    >>> policy = fastinit.convert.from_torch(module)
    >>> with torch.no_grad():
    ...     _ = module[2].bias.fill_(1.0)
    >>> policy.update_from(fastinit.convert.layers_of(module))
    >>> policy.biases[1]
    array([1., 1., 1., 1.], dtype=float32)
    """
    homes = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    for framework in ("keras", "torch", "sklearn"):  # Keras's models are modules of torch on that backend
        if framework in homes:
            return _read(framework, model).layers(dtype)
    return _read("onnx", model).layers(dtype)


def _read(framework: str, model: Any) -> Chain:
    """By the module that knows the framework, which imports it."""
    try:
        import_module(framework)
    except ImportError as error:
        package = {"sklearn": "scikit-learn"}.get(framework, framework)
        sentence = f"from_{framework} needs the package {package}: pip install {package}"
        raise ImportError(sentence, name=framework) from error
    chain: Chain = import_module(f"._{framework}", __package__).chain_of(model)
    return chain
