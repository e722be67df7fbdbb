import json

import pytest

from benchmarks import optimizers, record


def test_a_benchmark_leaves_the_figures_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results.json")
    record.record(env_ratio=200.5)
    record.record(dag_10k_s=25.0, env_ratio=210.0)
    assert json.loads(record.RESULTS.read_text()) == {"dag_10k_s": 25.0, "env_ratio": 210.0}


@pytest.mark.parametrize("fidelity", ["steps", "runs"])
@pytest.mark.parametrize("optimizer", ["random", "smac_hyperband", "dehb"])
def test_the_optimizers_are_compared_at_equal_cost(optimizer, fidelity):
    _, rounds = optimizers.sweep(optimizer, fidelity)
    assert optimizers.TRIALS - 1 <= optimizers.cost(rounds) <= optimizers.TRIALS
    assert optimizers.MIN_RUNS / optimizers.RUNS == optimizers.MIN_BUDGET / optimizers.BUDGET
