"""Keys and seeds: the values that name a stream, and everything that a `seed` may be."""

import contextlib
import copy
import enum
import hashlib
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastinit
from fastinit import Key

WORDS = st.integers(0, 2**64 - 1)
PARTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary(), st.integers())


def shortest_signed(number: int) -> bytes:
    """Two's complement, little-endian, in as few bytes as hold it: found by trying."""
    for size in range(1, 1 << 12):
        if -(1 << (8 * size - 1)) <= number < 1 << (8 * size - 1):
            return bytes((number >> (8 * i)) & 0xFF for i in range(size))
    raise AssertionError(number)


def fold(pair: tuple[int, int], part: str | int | bytes) -> tuple[int, int]:
    """One step of `Key.child`, written from the specification alone."""
    if isinstance(part, str):
        tag, payload = b"s", part.encode("utf-8")
    elif isinstance(part, bytes):
        tag, payload = b"b", part
    else:
        tag, payload = b"i", shortest_signed(int(part))
    state = hashlib.blake2b(digest_size=16, person=b"fastinit.v1")
    state.update(np.array(pair, "<u8").tobytes() + tag + np.array(len(payload), "<u8").tobytes() + payload)
    key, stream = np.frombuffer(state.digest(), "<u8")
    return int(key), int(stream)


def words(key: Key) -> tuple[int, int]:
    return key.key, key.stream


# ---- the value ----


def test_key_holds_the_two_words() -> None:
    assert words(Key(0)) == (0, 0)
    assert words(Key(2**64 - 1)) == (2**64 - 1, 0)
    assert words(Key.from_words(3, 2**64 - 1)) == (3, 2**64 - 1)
    assert words(Key.from_words(np.uint64(2**64 - 1), np.int8(5))) == (2**64 - 1, 5)
    assert type(Key(np.uint64(7)).key) is int
    assert type(Key.from_words(np.uint64(7), np.uint64(8)).stream) is int


def test_repr_is_readable_and_evaluates_to_the_key() -> None:
    assert repr(Key(42)) == "Key(42)"
    assert repr(Key.from_words(255, 1)) == "Key.from_words(0x00000000000000ff, 0x0000000000000001)"


@pytest.mark.parametrize(
    "old",
    [
        b"\x80\x02c__builtin__\ngetattr\nq\x00cfastinit.keys\nKey\nq\x01X\n\x00\x00\x00from_wordsq\x02\x86q\x03Rq\x04"
        b"\x8a\x0813\xceYC\xe7\xa2\x12\x8a\x08'\x88\x16^dH:\x11\x86q\x05Rq\x06.",
        b"\x80\x04\x95Y\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x94\x8c\x07getattr\x94\x93\x94\x8c\rfastinit.keys\x94"
        b"\x8c\x03Key\x94\x93\x94\x8c\nfrom_words\x94\x86\x94R\x94\x8a\x0813\xceYC\xe7\xa2\x12\x8a\x08'\x88\x16^dH:"
        b"\x11\x86\x94R\x94.",
    ],
)
def test_pickles_of_version_0_1_load(old: bytes) -> None:
    assert pickle.loads(old) == Key(5).child("a")


@given(WORDS, WORDS)
def test_repr_pickle_and_copies_keep_the_value(a: int, b: int) -> None:
    key = Key.from_words(a, b)
    copies = [eval(repr(key)), copy.copy(key), copy.deepcopy(key), Key(key)]
    copies += [pickle.loads(pickle.dumps(key, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in copies:
        assert type(other) is Key
        assert words(other) == (a, b)
        assert other == key
        assert hash(other) == hash(key)


@given(WORDS, WORDS, WORDS, WORDS)
def test_equality_is_that_of_both_words(a: int, b: int, c: int, d: int) -> None:
    assert (Key.from_words(a, b) == Key.from_words(c, d)) is ((a, b) == (c, d))
    assert Key.from_words(a, b) != Key.from_words(a, b ^ 1)
    assert Key.from_words(a, b) != Key.from_words(a ^ 1, b)


def test_equality_with_other_types() -> None:
    assert Key(1) != 1
    assert Key(1) != (1, 0)
    assert Key(1).__eq__(1) is NotImplemented


def test_keys_work_in_sets_and_dicts() -> None:
    assert len({Key(1), Key(1), Key(2), Key(np.int32(2)), Key.from_words(1, 1)}) == 3
    assert {Key(0).child("a"): "found"}[Key(0).child("a")] == "found"


@pytest.mark.parametrize("name", ["key", "stream", "other"])
def test_a_key_is_immutable(name: str) -> None:
    key = Key.from_words(1, 2)
    with pytest.raises(AttributeError, match="a Key is immutable"):
        setattr(key, name, 3)
    with pytest.raises(AttributeError, match="a Key is immutable"):
        delattr(key, name)
    assert words(key) == (1, 2)
    assert not hasattr(key, "__dict__")


def test_a_second_initialization_does_not_change_a_key() -> None:
    key = Key(1)
    with contextlib.suppress(AttributeError, TypeError):  # refusing it is as good
        key.__init__(2)  # type: ignore[misc]
    assert words(key) == (1, 0)


@pytest.mark.parametrize("bad", [True, np.True_, 1.0, "1", None, np.float64(1)])
def test_from_words_refuses_what_is_no_int(bad: Any) -> None:
    for pair in ((bad, 0), (0, bad)):
        with pytest.raises(TypeError, match=r"`seed` must be .*\. Received: "):
            Key.from_words(*pair)


@pytest.mark.parametrize("bad", [-1, 2**64, np.int64(-1)])
def test_from_words_refuses_what_is_out_of_range(bad: int) -> None:
    for pair in ((bad, 0), (0, bad)):
        with pytest.raises(ValueError, match=rf"`seed` must lie in \[0, 2\*\*64\)\. Received: seed={bad}"):
            Key.from_words(*pair)


# ---- children ----

# Computed with hashlib.blake2b from the specification, one message written out for each part.
KNOWN_CHILDREN = [
    (0, ("a",), (0x11D1B09BF4081469, 0xADA1271C9D264BAA)),
    (0, (0,), (0x721B3E3D2722AB06, 0xF08663E047D1930E)),
    (0, (b"",), (0x66B76EECA3804054, 0xB8CD0F0B780016B1)),
    (1, (128,), (0x64FE838B0C0D6BFA, 0x05686BE3A557BD98)),
    (42, ("encoder", -1, "kernel"), (0x3443423259E36BFE, 0xBD7B7509B6E607CF)),
    (2**64 - 1, ("Schlüssel",), (0xE5E34791A7ED88C4, 0xD5E13270704B59F9)),
]


@pytest.mark.parametrize(("seed", "path", "expected"), KNOWN_CHILDREN)
def test_known_children(seed: int, path: tuple[Any, ...], expected: tuple[int, int]) -> None:
    assert words(Key(seed).child(*path)) == expected


def test_one_message_byte_for_byte() -> None:
    message = bytes.fromhex("2a0000000000000000000000000000006902000000000000008000")
    digest = hashlib.blake2b(message, digest_size=16, person=b"fastinit.v1").digest()
    child = Key(42).child(128)
    assert child.key.to_bytes(8, "little") + child.stream.to_bytes(8, "little") == digest


@given(WORDS, WORDS, st.lists(PARTS, min_size=1, max_size=4))
def test_children_fold_as_specified(key: int, stream: int, path: list[Any]) -> None:
    pair = (key, stream)
    for part in path:
        pair = fold(pair, part)
    assert words(Key.from_words(key, stream).child(*path)) == pair


@pytest.mark.parametrize(
    "number", [0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 2**63, -(2**63), 2**64, 10**40]
)
def test_ints_are_encoded_in_the_fewest_signed_bytes(number: int) -> None:
    assert words(Key(9).child(number)) == fold((9, 0), number)


@given(WORDS, PARTS, PARTS)
def test_a_path_is_its_parts_in_turn(seed: int, a: Any, b: Any) -> None:
    assert Key(seed).child(a, b) == Key(seed).child(a).child(b)


def test_distinct_paths_have_distinct_keys() -> None:
    paths: list[tuple[Any, ...]] = [
        ("1",), (1,), (b"1",), ("a", "b"), ("ab",), ("b", "a"), ("a.b",), ("",), (b"",), (0,), ("0",), (-1,), (255,),
        (65535,), ("", ""), ("a", ""), ("", "a"), ("a",), ("a\0",), ("é",), ("e\u0301",),
    ]  # fmt: skip
    keys = [Key(0).child(*path) for path in paths]
    assert len(set(keys)) == len(paths)
    assert Key(0) not in keys
    assert len({Key(seed).child("a") for seed in range(100)}) == 100
    assert Key.from_words(0, 1).child("a") != Key(0).child("a")


def test_parts_of_equal_value_are_the_same_part() -> None:
    class Layer(enum.IntEnum):
        FIRST = 3

    key = Key(5)
    assert key.child(np.int8(3)) == key.child(np.uint64(3)) == key.child(Layer.FIRST) == key.child(3)
    assert key.child(np.str_("w")) == key.child("w")
    assert key.child(np.bytes_(b"w")) == key.child(b"w")


@pytest.mark.parametrize("part", [None, 1.0, True, np.True_, ("a",), ["a"], bytearray(b"a"), np.float32(1), Key(1)])
def test_other_parts_are_refused(part: Any) -> None:
    for path in ((part,), ("a", part), (part, 0)):
        with pytest.raises(TypeError, match=r"a part of a key's path must be a str, an int or bytes\. Received: "):
            Key(0).child(*path)


def test_no_part_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`child` must be given at least one part\. Received: none"):
        Key(0).child()


def test_children_are_far_from_each_other() -> None:
    # Half of the 128 bits differ between neighbours, give or take 5 standard errors of the mean.
    pairs = [words(Key(0).child(i)) for i in range(400)]
    flips = [
        ((a[0] ^ b[0]).bit_count() + (a[1] ^ b[1]).bit_count()) for a, b in zip(pairs[1:], pairs[:-1], strict=True)
    ]
    assert abs(np.mean(flips) - 64) < 5 * np.sqrt(32 / len(flips))


# ---- every kind of seed ----


@pytest.mark.parametrize(
    "seed", [5, np.int8(5), np.uint8(5), np.int64(5), np.uint64(5), Key(5), Key(Key(5)), Key.from_words(5, 0)]
)
def test_seeds_of_the_same_value_draw_the_same(seed: Any) -> None:
    assert words(Key(seed)) == (5, 0)
    assert fastinit.normal(9, seed=seed).tobytes() == fastinit.normal(9, seed=5).tobytes()


def test_the_whole_range_of_ints() -> None:
    assert words(Key(np.uint64(2**64 - 1))) == (2**64 - 1, 0)
    draws = {fastinit.uniform(4, seed=s).tobytes() for s in (0, 1, 2**31, 2**32, 2**63, 2**64 - 1)}
    assert len(draws) == 6


def test_every_bit_of_key_and_stream_reaches_the_draw() -> None:
    seeds = [Key(0)] + [Key.from_words(1 << i, 0) for i in range(64)] + [Key.from_words(0, 1 << i) for i in range(64)]
    assert len({fastinit.uniform(8, seed=seed).tobytes() for seed in seeds}) == 129


def test_a_seed_sequence_gives_two_words_of_its_state() -> None:
    sequence = np.random.SeedSequence(7, spawn_key=(1, 2))
    state = np.random.SeedSequence(7, spawn_key=(1, 2)).generate_state(2, np.uint64)
    assert words(Key(sequence)) == tuple(map(int, state))
    assert words(Key(sequence)) == tuple(map(int, state))  # a sequence does not advance
    left, right = sequence.spawn(2)
    assert Key(left) != Key(right)
    # NumPy promises this sequence's state for all versions.
    assert words(Key(np.random.SeedSequence(7))) == (0xEAD0F7017C326E58, 0x0879C4F0F97E037A)


BIT_GENERATORS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


@pytest.mark.parametrize("kind", BIT_GENERATORS)
@pytest.mark.parametrize("wrap", [lambda bits: bits, np.random.Generator], ids=["BitGenerator", "Generator"])
def test_a_generator_gives_the_low_halves_of_four_raw_draws(
    kind: Callable[[int], np.random.BitGenerator], wrap: Callable[[Any], Any]
) -> None:
    twin = kind(3)
    raw = [int(twin.random_raw()) & 0xFFFFFFFF for _ in range(8)]
    expected = [(raw[i] + (raw[i + 1] << 32), raw[i + 2] + (raw[i + 3] << 32)) for i in (0, 4)]

    seed = wrap(kind(3))
    assert words(Key(seed)) == expected[0]
    assert words(Key(seed)) == expected[1]  # it has advanced by exactly four draws
    bits = seed if isinstance(seed, np.random.BitGenerator) else seed.bit_generator
    assert int(bits.random_raw()) == int(twin.random_raw())

    seed = wrap(kind(3))
    first, second = fastinit.normal(6, seed=seed), fastinit.normal(6, seed=seed)
    assert first.tobytes() == fastinit.normal(6, seed=Key.from_words(*expected[0])).tobytes()
    assert second.tobytes() == fastinit.normal(6, seed=Key.from_words(*expected[1])).tobytes()


def test_all_four_words_of_mt19937_are_used() -> None:
    # Its raw words have 32 bits: taking high halves, or two words of 64 bits, would leave zeros.
    twin = np.random.MT19937(11)
    raw = [int(word) for word in twin.random_raw(4)]
    assert max(raw) < 2**32
    assert all(raw)
    assert words(Key(np.random.MT19937(11))) == (raw[0] | raw[1] << 32, raw[2] | raw[3] << 32)


def test_the_four_draws_of_a_generator_are_one_step_under_its_lock() -> None:
    generator = np.random.Generator(np.random.SFC64(0))
    twin = np.random.SFC64(0)
    per_thread, threads = 2000, 4
    found: list[list[tuple[int, int]]] = [[] for _ in range(threads)]
    start = threading.Barrier(threads)

    def draw(mine: list[tuple[int, int]]) -> None:
        start.wait()
        mine.extend(words(Key(generator)) for _ in range(per_thread))

    pool = [threading.Thread(target=draw, args=(mine,)) for mine in found]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    raw = [int(word) & 0xFFFFFFFF for word in twin.random_raw(4 * per_thread * threads)]
    expected = {(a | b << 32, c | d << 32) for a, b, c, d in zip(*[iter(raw)] * 4, strict=True)}
    assert {pair for mine in found for pair in mine} == expected


def test_a_call_with_a_generator_advances_it_once_whatever_the_size() -> None:
    for call in (
        lambda g: fastinit.normal((100, 100), seed=g),
        lambda g: fastinit.sparse((10, 10), 0.5, seed=g),
        lambda g: fastinit.he_uniform((0, 3), seed=g),
        lambda g: fastinit.truncated_normal((8, 8), seed=g, dtype="float64", index=(slice(2), slice(2))),
    ):
        generator, twin = np.random.default_rng(1), np.random.default_rng(1)
        call(generator)
        twin.bit_generator.random_raw(4)
        assert generator.bit_generator.random_raw() == twin.bit_generator.random_raw()


def test_initializers_without_randomness_leave_a_generator_alone() -> None:
    generator = np.random.default_rng(1)
    before = repr(generator.bit_generator.state)
    fastinit.zeros(3, seed=generator)
    fastinit.ones(3, seed=generator)
    fastinit.constant(3, 2.0, seed=generator)
    fastinit.identity((3, 3), seed=generator)
    fastinit.dirac((3, 3, 3), seed=generator)
    assert repr(generator.bit_generator.state) == before


def test_none_takes_sixteen_bytes_of_fresh_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return bytes(range(1, size + 1))

    monkeypatch.setattr("os.urandom", urandom)
    assert words(Key()) == words(Key(None)) == (0x0807060504030201, 0x100F0E0D0C0B0A09)
    assert asked == [16, 16]


REFUSED = [
    True, False, np.True_, np.False_, 1.0, np.float32(1), 1j, "1", b"1", (), (1, 2), [1], np.array(1), np.array([1, 2]),
    {}, object(), np.random, np.random.RandomState(0), np.random.PCG64,
]  # fmt: skip


@pytest.mark.parametrize("seed", REFUSED, ids=repr)
def test_other_seeds_are_refused(seed: Any) -> None:
    sentence = (
        r"^`seed` must be None, an int, a fastinit\.Key, or a numpy\.random SeedSequence, Generator or BitGenerator\. "
        r"Received: "
    )
    with pytest.raises(TypeError, match=sentence):
        Key(seed)
    with pytest.raises(TypeError, match=sentence):
        fastinit.uniform(3, seed=seed)


@pytest.mark.parametrize("seed", [-1, -(2**64), 2**64, 10**30, np.int8(-1), np.int64(-(2**63))])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    sentence = rf"^`seed` must lie in \[0, 2\*\*64\)\. Received: seed={seed}$"
    with pytest.raises(ValueError, match=sentence):
        Key(seed)
    with pytest.raises(ValueError, match=sentence):
        fastinit.sparse((3, 3), 0.5, seed=seed)
