import json

from benchmarks import record


def test_a_benchmark_leaves_the_figures_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results.json")
    record.record(env_ratio=200.5)
    record.record(dag_10k_s=25.0, env_ratio=210.0)
    assert json.loads(record.RESULTS.read_text()) == {"dag_10k_s": 25.0, "env_ratio": 210.0}
