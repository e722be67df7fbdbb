from workflow_scripts.sweeps.cost import (
    Batch,
    cpu_hours,
    full_budget,
    hours,
    past_runs,
    sweep_batches,
)
from workflow_scripts.sweeps.optimizers.base import PACKAGE, Optimizer
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.registry import find


def laid(sweep, runs):
    """The rounds of a sweep's settings, and in how many of them trials go on from the round before."""
    settings = {key: value for key, value in sweep.items() if key not in ("optimizer", "rounds")}
    optimizer = find(PACKAGE, sweep["optimizer"], Optimizer).of(settings)
    rounds = optimizer.schedule(sweep["rounds"], runs)
    return rounds, optimizer.continued_rounds(rounds)


def test_a_sweep_trains_every_trial_on_every_fold_with_every_seed():
    sweep = {"optimizer": "smac", "rounds": 2, "round_size": 4, "budget": 6144}
    assert sweep_batches(*laid(sweep, 3 * 2)) == [Batch(4, 24, 6144)] * 2


def test_the_rungs_of_a_bracket_have_fewer_trials_of_more_steps():
    sweep = {"optimizer": "dehb", "rounds": 3, "min_budget": 100, "budget": 900, "eta": 3}
    assert sweep_batches(*laid(sweep, 2)) == [Batch(9, 18, 100), Batch(3, 6, 300), Batch(1, 2, 900)]


def test_a_rung_that_continues_pays_for_what_is_new():
    by_steps = {"optimizer": "dehb", "rounds": 4, "min_budget": 100, "budget": 900, "eta": 3, "continue_training": True}
    assert sweep_batches(*laid(by_steps, 2)) == [
        Batch(9, 18, 100),
        Batch(3, 6, 200),
        Batch(1, 2, 600),
        Batch(3, 6, 300),
    ]
    by_runs = by_steps | {"fidelity": "runs", "min_runs": 1, "rounds": 3, "eta": 2}
    assert sweep_batches(*laid(by_runs, 4)) == [Batch(4, 4, 900), Batch(2, 2, 900), Batch(1, 2, 900)]


def test_dehb_continues_in_its_first_brackets_alone_and_smac_in_all():
    """Promotions of 100, 300 and 900 vector steps, of which evolution proposes those of a second cycle anew."""
    by_steps = {"rounds": 12, "min_budget": 100, "budget": 900, "eta": 3, "continue_training": True}
    steps = {
        name: [batch.steps for batch in sweep_batches(*laid(by_steps | {"optimizer": name}, 1))]
        for name in ("dehb", "smac_hyperband")
    }
    first = [100, 200, 600, 300, 600, 900]
    assert steps == {"dehb": [*first, 100, 300, 900, 300, 900, 900], "smac_hyperband": first * 2}


def test_a_member_of_a_population_trains_for_its_interval_alone():
    sweep = {"optimizer": "pb2", "rounds": 3, "round_size": 4, "interval": 340}
    assert sweep_batches(*laid(sweep, 6)) == [Batch(4, 24, 340)] * 3


def test_the_backtest_trains_as_long_as_the_incumbent_did():
    assert full_budget(laid({"optimizer": "pbt", "rounds": 3, "round_size": 4, "interval": 340}, 6)[0]) == 1020
    rungs = {"optimizer": "dehb", "rounds": 3, "min_budget": 100, "budget": 900, "eta": 3}
    assert full_budget(laid(rungs, 2)[0]) == 900
    assert full_budget(laid(rungs | {"rounds": 2}, 2)[0]) == 300  # the bracket never gets to its last rung


def test_a_round_waits_for_its_last_runs():
    """24 runs of an hour, five at a time, are five hours; the 24 of the next round wait for them."""
    batches = [Batch(4, 24, 3600)] * 2
    assert hours(batches, seconds_a_step=1.0, slots=5) == 10
    assert hours(batches, seconds_a_step=1.0, slots=64) == 2
    assert cpu_hours(batches, seconds_a_step=1.0) == 48


def test_earlier_runs_say_what_a_run_takes(tmp_path):
    for place, (parts, seconds) in enumerate([({"budget": 1000}, 5.0), ({"budget": 300, "phases": [100, 200]}, 0.5)]):
        phases = [{"budget": budget, "configuration": {}} for budget in parts.get("phases", [])]
        folder = tmp_path / "round_0" / f"trial_{place}"
        run = folder / "fold_0" / "seed_0"
        run.mkdir(parents=True)
        (folder / "config.yaml").write_text(Trial("toy", "ppo", 0, place, parts["budget"], {}, None, phases).to_yaml())
        (run / "train_agent.tsv").write_text(f"s\tmax_rss\tcpu_time\n9.00\t300.00\t{seconds:.2f}\n")
        (run / "sharpe.json").touch()
    unfinished = tmp_path / "round_0" / "trial_0" / "fold_1" / "seed_0"
    unfinished.mkdir(parents=True)
    (unfinished / "train_agent.tsv").write_text("s\tmax_rss\tcpu_time\n1.00\t300.00\t1.00\n")
    assert past_runs(tmp_path, "cpu_time") == [(5.0, 1000), (0.5, 100)]
    assert past_runs(tmp_path, "s") == [(9.0, 1000), (9.0, 100)]
