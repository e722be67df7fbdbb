import json

import numpy as np
import optuna
import pandas as pd
import pytest

from workflow_scripts.analysis.estimate_importance import estimate_importance
from workflow_scripts.analysis.importance import (
    METHODS,
    Importance,
    TooFewTrialsError,
    conclude,
    distribution,
    estimate,
    fanova,
)
from workflow_scripts.analysis.plot_importance import plot_importance

SPACE = {
    "matters": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 1e-4},
    "dead": {"type": "int", "lower": 1, "upper": 64, "log": False, "default": 8},
    "idle": {"type": "categorical", "choices": ["x", "y"], "default": "x"},
    "fixed": {"type": "constant", "default": 3},
}


def trials(count):
    rng = np.random.default_rng(0)
    rows = []
    for trial in range(count):
        learning = float(np.exp(rng.uniform(np.log(1e-5), np.log(1e-3))))
        values = {
            "matters": learning,
            "dead": int(rng.integers(1, 65)),
            "idle": str(rng.choice(["x", "y"])),
            "fixed": 3,
        }
        for fold in range(2):
            for seed in range(2):
                value = -abs(np.log(learning / 1e-4)) + fold + rng.normal(0, 0.1)
                rows.append({"round": 0, "trial": trial, "fold": fold, "seed": seed, "status": "ok", "value": value})
                rows[-1] |= values
    return pd.DataFrame(rows)


def test_the_hyperparameter_that_matters_comes_first_and_dead_ones_near_zero():
    found, undefined, count = estimate(trials(40), SPACE, resamples=2, permutations=19, seed=0)
    assert (set(found), undefined, count) == (set(METHODS), {}, 40)
    for of in found.values():
        assert set(of) == {"matters", "dead", "idle"}
        assert max(of["dead"].importance, of["idle"].importance) < of["matters"].importance / 4
        assert not of["dead"].stands_out
        assert not of["idle"].stands_out
    assert found["fanova"]["matters"].p_value == 1 / 20
    assert conclude(found, count).startswith("More than with shuffled scores is explained by: matters (fANOVA")


def test_with_shuffled_scores_every_hyperparameter_seems_to_explain_something():
    noise = trials(16).assign(value=np.random.default_rng(1).normal(size=64))
    found, _, _ = estimate(noise, SPACE, resamples=2, permutations=19, seed=0)
    for of in found.values():
        assert all(0 < said.shuffled_mean < said.shuffled_high for said in of.values())
        assert all((said.importance > said.shuffled_high) == said.stands_out for said in of.values())


def test_fanova_counts_a_logarithmic_range_by_its_logarithm():
    """y = −x²/2 + 0.3 z with x = log10 of a rate over [-2, 1] and z over [-1, 1]: 0.3 and 0.03 of variance."""
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-2, 1, 200), rng.uniform(-1, 1, 200)
    table = pd.DataFrame({"rate": 10.0 ** (x - 3), "z": z, "width": rng.choice([64, 128], 200)})
    entry = {"type": "float", "lower": -1.0, "upper": 1.0, "log": False}
    space = {
        "rate": {"type": "float", "lower": 1e-5, "upper": 1e-2, "log": True},
        "z": entry,
        "width": {"type": "categorical", "choices": [64, 128]},
    }
    found = fanova(table, -(x**2) / 2 + 0.3 * z, space, seed=0)
    assert found["rate"] == pytest.approx(10 / 11, abs=0.05)
    assert found["z"] == pytest.approx(1 / 11, abs=0.05)
    assert found["width"] < 0.01


@pytest.mark.parametrize("choices", [[64, 128], [0.5, 1], ["x", "y"]])
def test_choices_may_be_numbers_or_texts(choices):
    table = trials(12)
    table["idle"] = np.where(table["idle"] == "x", choices[0], choices[1])
    space = {**SPACE, "idle": {"type": "categorical", "choices": choices, "default": choices[0]}}
    found, _, count = estimate(table, space, resamples=2, permutations=19, seed=0)
    assert count == 12
    assert set(found["fanova"]) == {"matters", "dead", "idle"}


def test_bars_know_that_other_trials_could_have_been_drawn():
    """Without noise between runs all spread is that of the trials."""
    table = trials(8)
    table["value"] = table.groupby("trial")["value"].transform("mean")
    found, _, _ = estimate(table, SPACE, resamples=6, permutations=19, seed=0)
    assert found["fanova"]["matters"].sd > 0.03


SAID = {
    "fanova": {"alive": Importance(0.9, 0.1, 0.5, 0.8, 0.025), "dead": Importance(0.1, 0.1, 0.5, 0.8, 0.7)},
    "local": {"alive": Importance(0.7, 0.1, 0.5, 0.9, 0.2), "dead": Importance(0.3, 0.1, 0.5, 0.9, 0.7)},
}


def test_few_trials_say_what_they_can_tell():
    assert conclude(SAID, 30) == "More than with shuffled scores is explained by: alive (fANOVA)."
    assert conclude(SAID, 29) == (
        "29 trials show large effects alone: a hyperparameter without any seems to explain 80% of the scores' variance "
        "in one of twenty sweeps (fANOVA). More than with shuffled scores is explained by: alive (fANOVA)."
    )
    assert conclude({"local": SAID["local"]}, 30) == "No hyperparameter explains more than with shuffled scores."


def test_the_conclusion_stands_in_the_file_and_under_the_plot(tmp_path):
    trials(6).assign(budget=100).to_csv(tmp_path / "trials.csv", index=False)
    estimate_importance(tmp_path / "trials.csv", json.dumps(SPACE), 3, 19, tmp_path / "importance.json")
    content = json.loads((tmp_path / "importance.json").read_text(encoding="utf-8"))
    assert content["conclusion"].startswith("6 trials show large effects alone: ")
    assert content["trials"] == 6
    plot_importance("toy", tmp_path / "importance.json", tmp_path / "importance.svg")
    assert "6 trials show large effects alone" in (tmp_path / "importance.svg").read_text(encoding="utf-8")


def test_of_several_budgets_the_largest_with_enough_trials_is_looked_at_and_named(tmp_path):
    """The first hyperparameter matters on short trainings alone."""
    short, long = trials(40).assign(budget=100), trials(46).assign(budget=900)
    long = long[long.trial >= 40].assign(value=0.0)

    def said(table):
        table.to_csv(tmp_path / "trials.csv", index=False)
        estimate_importance(tmp_path / "trials.csv", json.dumps(SPACE), 3, 19, tmp_path / "importance.json")
        return json.loads((tmp_path / "importance.json").read_text(encoding="utf-8"))

    few = said(pd.concat([short, long]))
    assert (few["budget"], few["full_budget"], few["trials"]) == (100, 900, 40)
    assert few["conclusion"].startswith("At 100 vector steps, while the incumbent is chosen at 900: More than with")
    many = said(pd.concat([short.assign(round=1), trials(30).assign(budget=900)]))
    assert (many["budget"], many["trials"]) == (900, 30)
    assert many["conclusion"].startswith("More than with")


@pytest.mark.parametrize(("count", "best"), [(5, 2), (9, 3), (16, 4)])
def test_ped_anova_is_the_divergence_of_as_many_trials_as_are_the_best(count, best):
    """A quarter of five trials is two of them: 2/5, whose square Optuna's number is a multiple of."""
    table = trials(count)
    configurations = table.groupby("trial")[["matters", "dead", "idle"]].first()
    scores = table.groupby("trial").value.mean().to_numpy()
    space = {name: SPACE[name] for name in configurations}
    study = optuna.create_study(direction="maximize")
    distributions = {name: distribution(entry, configurations[name]) for name, entry in space.items()}
    for values, score in zip(configurations.to_dict("records"), scores, strict=True):
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=score))
    theirs = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best / count).evaluate(study)
    divergence = {name: value / (best / count) ** 2 for name, value in theirs.items()}
    ours = METHODS["ped_anova"](configurations, scores, space, 0)
    assert ours == pytest.approx({name: value / (1 + value) for name, value in divergence.items()})


def test_a_choice_may_be_a_word_that_stands_for_nothing_elsewhere(tmp_path):
    words = {"x": "None", "y": "NA"}
    table = trials(8).assign(budget=100)
    table.assign(idle=table["idle"].map(words)).to_csv(tmp_path / "trials.csv", index=False)
    space = SPACE | {"idle": {"type": "categorical", "choices": [*words.values()], "default": "None"}}
    estimate_importance(tmp_path / "trials.csv", json.dumps(space), 3, 19, tmp_path / "importance.json")
    assert "idle" in json.loads((tmp_path / "importance.json").read_text(encoding="utf-8"))["methods"]["fanova"]


def test_trials_without_a_score_in_every_run_do_not_count():
    table = trials(6)
    table.loc[table["trial"] > 2, "value"] = np.nan
    with pytest.raises(TooFewTrialsError, match=r"needs 4 trials .* and there are 3"):
        estimate(table, SPACE, resamples=2, permutations=19, seed=0)


@pytest.mark.parametrize("value", [0.0, 1.3])
def test_trials_that_are_all_worth_the_same_have_no_importance(tmp_path, value):
    table = trials(8).assign(value=value, budget=100)
    table.to_csv(tmp_path / "trials.csv", index=False)
    estimate_importance(tmp_path / "trials.csv", json.dumps(SPACE), 3, 19, tmp_path / "importance.json")
    content = json.loads((tmp_path / "importance.json").read_text(encoding="utf-8"))
    assert content["methods"] == {}
    assert content["reason"].startswith(
        "fanova: 23 of 23 draws of trials or scores have no importance: nothing in them varies; ped_anova"
    )
    plot_importance("toy", tmp_path / "importance.json", tmp_path / "importance.svg")
    assert (tmp_path / "importance.svg").exists()


def test_a_method_that_sees_no_difference_is_missing_and_says_so(tmp_path):
    """PED-ANOVA compares the best quarter with all trials: where all but one are equal they are the same."""
    table = trials(12)
    table["value"] = np.where(table.trial == 0, 2.0, 1.0)
    table.assign(budget=100).to_csv(tmp_path / "trials.csv", index=False)
    estimate_importance(tmp_path / "trials.csv", json.dumps(SPACE), 3, 19, tmp_path / "importance.json")
    content = json.loads((tmp_path / "importance.json").read_text(encoding="utf-8"))
    assert "ped_anova" not in content["methods"]
    assert "ped_anova" in content["undefined"]
    plot_importance("toy", tmp_path / "importance.json", tmp_path / "importance.svg")
