"""scikit-learn's networks, with its labels; it is not imported, for its objects say all that is needed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import DTypeLike, Threads
from ..forward import MLP
from ._chain import Chain, Place

# Hidden activations and those of the last layer.
ACTIVATIONS = {
    "exp": "exp",
    "identity": None,
    "logistic": "sigmoid",
    "relu": "relu",
    "softmax": "softmax",
    "tanh": "tanh",
}


_LABELS = "fastinit.Classifier"  # of a file's metadata


class Classifier(MLP):
    """A network that gives scikit-learn's answers; `fastinit.convert.from_sklearn` makes it.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The labels, as scikit-learn has them.
    multilabel : bool
        Whether a row may have any number of the labels.
    """

    classes_: NDArray[Any]
    multilabel: bool

    def predict_proba(self, x: Any, *, threads: Threads = None) -> NDArray[Any]:
        """Probabilities of the classes, (rows, classes); x as for `MLP.predict`."""
        values = MLP.predict(self, x, threads=threads)
        if self.multilabel or values.shape[-1] != 1:
            return values
        both = np.empty((*values.shape[:-1], 2), values.dtype)
        np.subtract(1.0, values[..., 0], out=both[..., 0])
        both[..., 1] = values[..., 0]
        return both

    def predict(self, x: Any, out: NDArray[Any] | None = None, *, threads: Threads = None) -> NDArray[Any]:
        """Labels of the rows; with several labels a row, which it has, as zeros and ones."""
        if out is not None:
            raise TypeError("`out` must be None, for labels are a new array. Received: an array")
        values = MLP.predict(self, x, threads=threads)
        if self.multilabel:
            return (values > 0.5).astype(np.int64)
        if values.shape[-1] == 1:
            return np.asarray(self.classes_[(values[..., 0] > 0.5).astype(np.intp)])
        return np.asarray(self.classes_[values.argmax(axis=-1)])

    def _more(self) -> dict[str, str]:
        labels = {"classes": self.classes_.tolist(), "dtype": self.classes_.dtype.str, "multilabel": self.multilabel}
        return {_LABELS: json.dumps(labels)}

    def _take(self, metadata: dict[str, str]) -> None:
        if _LABELS not in metadata:
            raise ValueError("`path` must be a file of Classifier.save. Received: one without labels")
        labels = json.loads(metadata[_LABELS])
        self.classes_ = np.array(labels["classes"], labels["dtype"])
        self.multilabel = labels["multilabel"]


class Regressor(MLP):
    """A network that gives scikit-learn's answers; `fastinit.convert.from_sklearn` makes it."""

    def predict(self, x: Any, out: NDArray[Any] | None = None, *, threads: Threads = None) -> NDArray[Any]:
        """Values of the rows, (rows,) if there is one for each, else (rows, values); x as for `MLP.predict`."""
        values = MLP.predict(self, x, out, threads=threads)
        return values[..., 0] if values.shape[-1] == 1 else values


def read(estimator: Any, dtype: DTypeLike) -> Classifier | Regressor:
    layers = chain_of(estimator).layers(dtype)
    last = _steps(estimator)[-1]
    if not hasattr(last, "classes_"):
        return Regressor(layers)
    network = Classifier(layers)
    network.multilabel = isinstance(last.classes_, list) or getattr(last._label_binarizer, "y_type_", "").startswith(
        "multilabel"
    )
    network.classes_ = np.asarray(last.classes_).copy()
    return network


def _steps(estimator: Any) -> list[Any]:
    if type(estimator).__name__ != "Pipeline":
        return [estimator]
    return [step for _, step in estimator.steps if step is not None and not isinstance(step, str)]


def chain_of(estimator: Any) -> Chain:
    """What an estimator, or a pipeline that ends with one, computes before labels."""
    chain = Chain()
    *scalers, last = _steps(estimator)
    if type(last).__name__ not in ("MLPClassifier", "MLPRegressor"):
        raise TypeError(
            "`estimator` must be an MLPClassifier or an MLPRegressor, or a Pipeline that ends with one. "
            f"Received: {type(last).__name__}"
        )
    if not hasattr(last, "coefs_"):
        raise ValueError(f"`estimator` must be fitted. Received: {type(last).__name__} without coefs_")
    for position, scaler in enumerate(scalers):
        place = Place(position, "", type(scaler).__name__)
        chain.affine(place, *_scale_and_shift(place, scaler))
    arrays = list(zip(last.coefs_, last.intercepts_, strict=True))
    for i, (weight, bias) in enumerate(arrays):
        place = Place(len(scalers) + i, "", type(last).__name__)
        name = last.activation if i + 1 < len(arrays) else last.out_activation_
        if name not in ACTIVATIONS:
            raise place.error(f"has an activation that fastinit does not have. Received: {name!r}")
        chain.dense(place, weight, bias)
        chain.activation(place, ACTIVATIONS[name])
    return chain


def _scale_and_shift(place: Place, scaler: Any) -> tuple[Any, Any]:
    """What a fitted scaler multiplies features with, and then adds."""
    if getattr(scaler, "clip", False):
        raise place.error("must have clip=False: a dense layer does not clip")
    if place.kind == "MinMaxScaler":
        return scaler.scale_, scaler.min_
    centers = {"StandardScaler": "mean_", "RobustScaler": "center_", "MaxAbsScaler": None}
    if place.kind not in centers:
        raise place.error("is no scaler that a dense layer can take in")
    used = {"mean_": "with_mean", "center_": "with_centering"}
    name = centers[place.kind]
    center = getattr(scaler, name) if name is not None and getattr(scaler, used[name]) else None
    scale = 1.0 if scaler.scale_ is None else 1.0 / np.asarray(scaler.scale_, np.float64)
    return scale, np.zeros(()) if center is None else -np.asarray(center, np.float64) * scale
