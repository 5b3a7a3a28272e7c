from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

VERSION: str
FLOAT32: int
FLOAT16: int
BFLOAT16: int
FLOAT64: int
ACTIVATIONS: dict[str, int]
ACTIVATION_PARAMETERS: dict[str, dict[str, tuple[float, str]]]
ACTIVATION_ALIASES: dict[str, str]
ROW_ACTIVATIONS: frozenset[str]
GATED_ACTIVATIONS: frozenset[str]
HALVES: int
THREADED_BYTES: int
FANS: dict[str, int]
SCALED: dict[str, int]

@final
class Law:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...  # raises
    @staticmethod
    def words() -> Law: ...
    @staticmethod
    def uniform(dtype: int, low: float, high: float) -> Law: ...
    @staticmethod
    def symmetric_uniform(dtype: int, limit: float) -> Law: ...
    @staticmethod
    def normal(dtype: int, mean: float, std: float, lower: float, upper: float) -> Law: ...
    @staticmethod
    def normal_between(dtype: int, mean: float, std: float, low: float, high: float) -> Law: ...

def fill(
    law: Law,
    out: Any,
    key: int,
    stream: int,
    shape: tuple[int, ...],
    block: tuple[tuple[int, int], ...] | None = None,
    threads: int = 1,
) -> None: ...

@final
class Task:
    def __init__(
        self,
        law: Law | None,
        element: bytes | None,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        block: tuple[tuple[int, int], ...] | None,
        threads: int | None,
    ) -> None: ...
    def fulfil(
        self,
        out: NDArray[Any] | None,
        seed: Any,
        stream_of: Callable[[Any], tuple[int, int]],
        thread_limit: Callable[[], int],
    ) -> NDArray[Any]: ...

def at_once(
    known: dict[Any, Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    stream_of: Callable[[Any], tuple[int, int]],
    thread_limit: Callable[[], int],
) -> NDArray[Any] | None: ...
def fulfil(fills: list[tuple[Task, Any, int, int]], copies: list[tuple[Any, Any]], threads: int) -> None: ...
def aligned(shape: tuple[int, ...], dtype: np.dtype[Any], size: int, zeros: bool = False) -> NDArray[Any]: ...
def scaled_spread(scale: float, fans: float, fan: int, kind: int) -> float: ...
def call_key(arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...] | None: ...
def known_request(known: Mapping[str, dict[Any, Any]], entry: object) -> Any: ...
def address(memory: Any) -> int: ...
def enter_standard_mode() -> int: ...
def leave_standard_mode(before: int) -> None: ...

@final
class Function:
    takes: int
    def __new__(
        cls, code: int, parameters: tuple[float, ...] = (), of_columns: NDArray[Any] | None = None
    ) -> Function: ...

def activate(
    x: Any, function: Function, out: Any, threads: int | Callable[[], int], known_apart: bool = False
) -> NDArray[Any] | None: ...
def dense(
    x: Any,
    weight: Any,
    bias: Any,
    function: Function,
    out: Any,
    transpose_weight: bool,
    threads: int | Callable[[], int],
    known_apart: bool = False,
) -> NDArray[Any] | None: ...

@final
class Memory:
    def __new__(cls, size: int) -> Memory: ...

@final
class Network:
    leading: tuple[int, ...]
    inputs: int
    outputs: int
    shapes: list[tuple[tuple[int, ...], tuple[int, ...] | None]]
    def __new__(cls, dtype: int, layers: list[tuple[Any, Any, Function]], leading: tuple[int, ...]) -> Network: ...
    def set(self, index: int, weight: Any, bias: Any) -> None: ...
    def get(self, index: int) -> tuple[NDArray[Any], NDArray[Any] | None]: ...
    def run(
        self, x: Any, out: Any, threads: int | Callable[[], int], known_apart: bool = False
    ) -> NDArray[Any] | None: ...

def perturb(
    normal: Law,
    out: Any,
    theta: Any,
    sigma: Any,
    key: int,
    stream: int,
    shape: tuple[int, ...],
    block: tuple[tuple[int, int], ...],
    members: tuple[int, int],
    pairs: bool,
    threads: int,
) -> None: ...
def recombine(
    normal: Law,
    out: Any,
    weights: Any,
    key: int,
    stream: int,
    shape: tuple[int, ...],
    block: tuple[tuple[int, int], ...],
    squares: bool,
    threads: int,
) -> None: ...
def multiply_adds(count: int) -> None: ...
def orthogonal(
    normal: Law,
    out: Any,
    key: int,
    stream: int,
    matrix: tuple[int, int],
    numbers: tuple[int, int],
    columns: tuple[int, int],
    wide: bool,
    complex_numbers: bool,
    gain: float,
    threads: int,
    rows: tuple[int, int] | None = None,
    dtype: int | None = None,
) -> None: ...
def orthogonal_workspace(
    normal: Law, matrix: tuple[int, int], numbers: tuple[int, int], columns: tuple[int, int], pairs: bool, threads: int
) -> int: ...
def narrow(source_dtype: int, x: Any, dtype: int, out: Any) -> None: ...
def map_words(law: Law, words: Any, out: Any) -> None: ...
def check() -> str | None: ...
def workers() -> int: ...
def isas() -> list[tuple[str, bool, bool]]: ...
def current_isa() -> str: ...
def isa_of_products() -> str: ...
def use_isa(name: str) -> None: ...
def use_best_isa(name: str) -> None: ...
def use_isas(name: str, of_products: str, work: float) -> None: ...
def preferred_isa(vendor: bytes, family: int, best: str) -> tuple[str, float]: ...
def special(name: str, x: float) -> float: ...
def vector_fma32(negated: bool, a: Any, b: Any, c: Any, out: Any) -> None: ...
def vector_fma64(negated: bool, a: Any, b: Any, c: Any, out: Any) -> None: ...
def scalar_fma32(a: float, b: float, c: float) -> float: ...
def scalar_fma64(a: float, b: float, c: float) -> float: ...
