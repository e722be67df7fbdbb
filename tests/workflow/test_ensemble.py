"""backtest.ensemble: the verdict judges what several seeds trade together."""

import json

from workflow_scripts.training.sharpe import read_returns


def test_the_verdict_judges_the_ensemble_of_the_final_seeds(toy):
    toy.config["backtest"]["ensemble"] = 2
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    sweep = toy.folder / "results/sweeps/ppo_smac"
    verdict, stated = (json.loads((sweep / f"{name}.json").read_text()) for name in ("verdict", "preregistration"))
    assert stated["ensemble"] == 2
    assert "one ensemble of 2 seeds" in verdict["sentence"]
    assert {name: verdict["rows"][name]["seeds"] for name in ("rank_1", "ensemble", "default_ensemble")} == {
        "rank_1": 2,
        "ensemble": 1,
        "default_ensemble": 1,
    }
    traded = [sweep / "backtest" / name / "returns.parquet" for name in ("rank_1/seed_10", "ensemble/seed_10")]
    assert (read_returns(traded[0]) != read_returns(traded[1])).any()
    assert "default ensemble" in (toy.folder / "results/report.html").read_text()
    assert "Nothing to be done" in toy.snakemake("-n").stdout
