"""The test days lie in one file, and no job of a tuning reads it."""

import re

SEALED, BARS = "sealed.npz", "bars.parquet"


def inputs_by_rule(output):
    """Return the files that the jobs of each rule read, by what a dry run announces."""
    found = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):\n    input: (.*)$", output, re.MULTILINE)
    read = {}
    for rule, paths in found:
        read.setdefault(rule, set()).update(paths.split(", "))
    return read


def test_no_rule_of_a_tuning_reads_the_test_days_or_what_was_made_of_them(toy):
    toy.config["markets"]["world"] = {"source": "planted", "ticker_count": 3, "days": 300, "test_start": "2000-10-02"}
    sweep = {"agent": "ppo", "market": "world", "rounds": 2, "round_size": 4, "interval": 32}
    toy.config["sweeps"]["generations"] = sweep | {"optimizer": "pbt"}
    toy.write_config()
    done = toy.snakemake("-n", "--forceall", "all", "plan")
    assert done.returncode == 0, done.stdout[-3000:]
    read = inputs_by_rule(done.stdout)

    def readers(name):
        # The rule all asks for files, and has no job that could read one.
        return {rule for rule in read.keys() - {"all"} if any(path.endswith(f"/{name}") for path in read[rule])}

    assert readers(SEALED) == {"backtest_incumbent", "backtest_baselines", "backtest_oracle", "vary_execution"}
    assert readers(BARS) == {"compute_features", "plan", "backtest_oracle"}
    assert readers("features.npz") == {"split_folds", "evaluate_baselines"}
    proposals = [rule for rule in read if rule.startswith("propose_trials")]
    tuning = {"split_folds", "evaluate_baselines", "train_agent", "continue_agent", "score_trial", "collect_trials"}
    assert len(proposals) == 2  # of the rounds after the first; those read nothing
    assert tuning <= set(read)
    for rule in (*tuning, *proposals):
        assert not any("/backtest/" in path for path in read[rule]), rule
