"""fastinit.convert.from_sklearn: labels, probabilities and values, with scalers or without."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from fastinit import MLP
from fastinit.convert import Classifier, Regressor, from_sklearn, layers_of
from support.converted import assert_agrees

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
assert issubclass(ConvergenceWarning, Warning)

SCALERS: list[Any] = [
    StandardScaler,
    lambda: StandardScaler(with_mean=False),
    lambda: StandardScaler(with_std=False),
    lambda: MinMaxScaler((-1, 2)),
    MaxAbsScaler,
    RobustScaler,
    lambda: RobustScaler(with_centering=False),
    lambda: RobustScaler(with_scaling=False),
]


def inputs(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)) * rng.uniform(0.5, 2, columns) + rng.uniform(-1, 1, columns)


@settings(max_examples=40)
@given(st.data())
def test_random_estimators(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 100))
    x, rng = inputs(40, data.draw(st.integers(1, 9)), seed), np.random.default_rng(seed)
    options = {
        "hidden_layer_sizes": tuple(data.draw(st.lists(st.integers(1, 12), max_size=3))),
        "activation": data.draw(st.sampled_from(["identity", "logistic", "tanh", "relu"])),
        "max_iter": 2,
        "random_state": seed,
    }
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    scalers = [make() for make in data.draw(st.lists(st.sampled_from(SCALERS), max_size=2))]
    kind = data.draw(st.sampled_from(["binary", "classes", "multilabel", "values", "value"]))
    y = {
        "binary": lambda: np.array(["no", "yes"])[rng.integers(0, 2, 40)],
        "classes": lambda: np.array([-3, 5, 7, 11])[np.arange(40) % 4],
        "multilabel": lambda: rng.integers(0, 2, (40, 3)),
        "values": lambda: rng.normal(size=(40, 2)),
        "value": lambda: rng.normal(size=40),
    }[kind]()
    last = MLPRegressor(**options) if kind.startswith("value") else MLPClassifier(**options)
    estimator = make_pipeline(*scalers, last) if scalers else last
    estimator.fit(x.astype(dtype), y)
    network = from_sklearn(estimator)
    x = x.astype(last.coefs_[0].dtype)
    assert network.dtype == last.coefs_[0].dtype
    exact = x.dtype == np.float64
    if kind.startswith("value"):
        assert type(network) is Regressor
        assert_agrees(network, x, estimator.predict(x).reshape(40, -1))
        assert network.predict(x).shape == estimator.predict(x).shape
        return
    assert type(network) is Classifier
    probabilities = network.predict_proba(x)
    assert np.abs(probabilities - estimator.predict_proba(x)).max() < (1e-13 if exact else 1e-5)
    assert probabilities.shape == estimator.predict_proba(x).shape
    found, expected = network.predict(x), estimator.predict(x)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    # Where two classes are as likely as each other, a rounding may decide.
    ordered = np.sort(probabilities, axis=-1)
    margin = np.abs(probabilities - 0.5).min(axis=-1) if kind == "multilabel" else ordered[:, -1] - ordered[:, -2]
    clear = margin > 1e-5
    assert np.array_equal(found[clear], expected[clear])
    assert network.predict(x[0].tolist()).shape == expected[0].shape


def test_digits_give_equal_labels() -> None:
    x, y = load_digits(return_X_y=True)
    estimator = make_pipeline(StandardScaler(), MLPClassifier((64, 64), max_iter=8, random_state=0)).fit(x, y)
    network = from_sklearn(estimator)
    assert repr(network).startswith("Classifier(64 -> 64 relu -> 64 relu -> 10 softmax, float64, ")
    assert np.array_equal(network.predict(x), estimator.predict(x))
    assert np.abs(network.predict_proba(x) - estimator.predict_proba(x)).max() < 1e-12
    narrow = from_sklearn(estimator, dtype=np.float32)
    assert narrow.dtype == np.float32
    assert np.array_equal(narrow.predict(x), estimator.predict(x))


def test_binary_probabilities_and_the_one_column() -> None:
    x = inputs(60, 4)
    estimator = MLPClassifier((5,), max_iter=3, random_state=0).fit(x, x[:, 0] > 0)
    network = from_sklearn(estimator)
    assert network(x).shape == (60, 1)
    assert np.array_equal(network(x)[:, 0], network.predict_proba(x)[:, 1])
    assert network.predict(x).dtype == bool
    assert network.predict_proba(x[0]).shape == (2,)
    assert network.predict(x[0]).shape == ()


def test_copies_keep_labels() -> None:
    x = inputs(60, 4)
    network = from_sklearn(MLPClassifier((5,), max_iter=3, random_state=0).fit(x, np.array(["a", "b", "c"] * 20)))
    for again in (copy.copy(network), pickle.loads(pickle.dumps(network)), network.astype(np.float32)):
        assert type(again) is Classifier
        assert again.predict(x).tolist() == network.predict(x).tolist()


@pytest.mark.parametrize("kind", ["text", "objects", "numbers", "bools", "multilabel"])
def test_files_keep_labels(kind: str, tmp_path: Path) -> None:
    x = inputs(60, 4)
    y = {
        "text": np.array(["a", "b", "ü"] * 20),
        "objects": np.array(["a", "bc", "d"] * 20, object),
        "numbers": np.arange(60) % 4 - 1,
        "bools": x[:, 0] > 0,
        "multilabel": (x > 0).astype(int),
    }[kind]
    network = from_sklearn(MLPClassifier((5,), max_iter=3, random_state=0).fit(x, y))
    network.save(tmp_path / "a")
    again = Classifier.load(tmp_path / "a")
    assert again.classes_.dtype == network.classes_.dtype
    assert again.predict(x).tolist() == network.predict(x).tolist()
    assert type(MLP.load(tmp_path / "a")) is MLP
    MLP(network.layers).save(tmp_path / "b")
    with pytest.raises(ValueError, match=r"`path` must be a file of Classifier.save. Received"):
        Classifier.load(tmp_path / "b")


def test_poisson() -> None:
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no loss of its own for MLPRegressor")
    x = inputs(60, 4)
    estimator = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0, loss="poisson").fit(
        x, np.arange(60) % 5
    )
    network = from_sklearn(estimator)
    assert network.layers[-1].activation == "exp"
    assert np.allclose(network.predict(x), estimator.predict(x), rtol=1e-12)


def test_update_from_an_estimator() -> None:
    x = inputs(60, 4)
    estimators = [
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=seed).fit(x, x[:, 0]) for seed in (0, 1)
    ]
    network = from_sklearn(estimators[0])
    network.update_from(layers_of(estimators[1]))
    assert np.allclose(network.predict(x), estimators[1].predict(x), rtol=1e-12)


def test_what_is_refused() -> None:
    x = inputs(60, 4)
    y = x[:, 0] > 0
    network = MLPClassifier((5,), max_iter=2)
    refused: list[tuple[Any, type, str]] = [
        (3, TypeError, "`estimator` must be an MLPClassifier or an MLPRegressor, or a Pipeline that ends with one."),
        (LogisticRegression().fit(x, y), TypeError, "Received: LogisticRegression"),
        (network, ValueError, "`estimator` must be fitted. Received: MLPClassifier without coefs_"),
        (
            make_pipeline(Normalizer(), network).fit(x, y),
            ValueError,
            "layer 0: Normalizer is no scaler that a dense layer can take in",
        ),
        (
            make_pipeline(StandardScaler(), MinMaxScaler(clip=True), network).fit(x, y),
            ValueError,
            "layer 1: MinMaxScaler must have clip=False: a dense layer does not clip",
        ),
    ]
    for estimator, error, sentence in refused:
        with pytest.raises(error) as caught:
            from_sklearn(copy.deepcopy(estimator) if estimator != network else MLPClassifier())
        assert sentence in str(caught.value)
    with pytest.raises(TypeError, match="`out` must be None, for labels are a new array"):
        from_sklearn(network).predict(x, np.zeros(60))
