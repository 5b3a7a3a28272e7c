"""Presets of rules: names and distributions of the models whose published initialization they give."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from fastinit import Rules, initialize

NAMES = json.loads((Path(__file__).parents[1] / "data/parameter_names.json").read_text())


@pytest.mark.parametrize("model", sorted(NAMES["models"]))
def test_a_preset_has_a_rule_for_every_name_and_a_name_for_every_rule(model: str) -> None:
    recorded = NAMES["models"][model]
    rules = Rules.preset(recorded["preset"], **recorded["options"])
    plan = rules.plan({name: tuple(shape) for name, shape in recorded["shapes"].items()}, layout="out_in")
    assert list(plan) == list(recorded["shapes"])
    for name, entry in plan.items():
        std = float(initialize({name: entry}, seed=0)[name].astype(np.float64).std())
        wanted, count = recorded["std"][name], math.prod(entry.shape)
        # Recorded from one draw of the model's own: both have sampling errors.
        assert std == pytest.approx(wanted, rel=6 / math.sqrt(count) + 1e-6, abs=1e-12), name


def test_presets_refuse_what_they_do_not_know() -> None:
    with pytest.raises(
        ValueError, match=r"`name` must be one of gpt2, llama, vit. Did you mean 'gpt2'\? Received: name='gpt3'"
    ):
        Rules.preset("gpt3")
    with pytest.raises(TypeError, match=r"options of preset 'gpt2' must be \(layers.*missing a required argument"):
        Rules.preset("gpt2")
    with pytest.raises(
        TypeError, match=r"options of preset 'llama' must be \(std.*unexpected keyword argument 'layers'"
    ):
        Rules.preset("llama", layers=3)
    with pytest.raises(ValueError, match="`layers` must be >= 1"):
        Rules.preset("gpt2", layers=0)
    with pytest.raises(TypeError, match="`bias` must be a bool"):
        Rules.preset("llama", bias=1)


def test_a_preset_goes_through_a_file_and_under_other_rules(tmp_path: Path) -> None:
    rules = Rules([(r"lm_head\.weight", "zeros"), *Rules.preset("llama")])
    rules.dump(tmp_path / "rules.json")
    assert Rules.load(tmp_path / "rules.json") == rules
