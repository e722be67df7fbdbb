"""What is counted over markets of known truth, from verdicts that are made up."""

import pandas as pd
import pytest

from workflow_scripts.analysis.controls import clopper_pearson, cpu_seconds, row_of, sentences, summary
from workflow_scripts.analysis.plot_controls import plot_controls


@pytest.mark.parametrize(
    ("count", "number", "interval"),
    [
        # Of no claim the bound is 1 - .025^(1/n), and of n of n its mirror.
        (0, 10, (0, 0.30850)),
        (10, 10, (0.69150, 1)),
        # Beta quantiles; the second is the example of Agresti and Coull (1998) for 5 of 10.
        (2, 40, (0.00611, 0.16920)),
        (5, 10, (0.18709, 0.81291)),
    ],
)
def test_an_interval_of_a_rate_is_exact(count, number, interval):
    assert clopper_pearson(count, number, 0.95) == pytest.approx(interval, abs=1e-5)


def verdict(skill="no", tuned=1.0, default=1.0, tuning="no", same=False, p_value=0.5):
    def answer(word, **more):
        return {"answer": word, "estimate": 0.1, "interval": [-0.1, 0.3], "p_value": p_value} | more

    return {
        "skill": answer(skill),
        "tuning": answer(tuning, **({"estimate": 0.0, "interval": None, "p_value": None} if same else {})),
        "selection": answer("unknown"),
        "rows": {
            name: {"sharpe": {"estimate": value}}
            for name, value in (("rank_1", tuned), ("default", default), ("benchmark", 0.5))
        },
    }


def control(strength, number, kind="own"):
    planted = {"none": 0.0, "weak": 0.05, "strong": 0.2}[strength]
    name = f"control_{kind}_{strength}_{number}"
    return {"name": name, "kind": kind, "strength": strength, "signal_strength": planted, "seed": number}


@pytest.fixture
def table():
    rows = [
        row_of(control("strong", 0), verdict("yes", tuned=3.0, tuning="yes"), oracle=4.0, cpu=1800),
        row_of(control("strong", 1), verdict("yes", tuned=2.0, default=2.5), oracle=4.0, cpu=900),
        row_of(control("strong", 2), verdict("unknown", tuned=1.0, same=True), oracle=4.0, cpu=900),
        row_of(control("none", 0), verdict("no", tuned=0.4, default=0.5), oracle=None, cpu=0),
        row_of(control("none", 1, "gaussian"), verdict("yes", tuned=0.9, default=0.5), oracle=None, cpu=0),
        row_of(control("weak", 0), verdict("unknown", tuned=0.6, default=0.5), oracle=1.0, cpu=0),
    ]
    return pd.DataFrame(rows)


def test_claims_are_counted_by_strength_with_their_intervals_and_noise_apart(table):
    content = summary(table, 0.95)
    noise, strong = content["noise"], content["planted"]["strong"]
    assert (noise["markets"], noise["claims"], noise["rate"]) == (2, 1, 0.5)
    assert noise["interval"] == pytest.approx((0.01258, 0.98742), abs=1e-5)
    assert [noise["by_kind"][kind]["claims"] for kind in ("gaussian", "own")] == [1, 0]
    assert "share_of_oracle" not in noise
    assert (strong["markets"], strong["claims"], strong["tuning_claims"]) == (3, 2, 1)
    assert list(content["planted"]) == ["weak", "strong"]
    assert (content["cpu_hours"], content["seeds"]) == (1.0, [0, 1, 2])


def test_the_share_of_the_oracle_is_the_median_also_of_the_gain_over_the_benchmark(table):
    strong = summary(table, 0.95)["planted"]["strong"]
    # 3, 2 and 1 of 4; less the benchmark's .5: 2.5, 1.5 and .5 of 3.5.
    assert strong["share_of_oracle"] == pytest.approx(0.5)
    assert strong["share_of_oracles_gain"] == pytest.approx(1.5 / 3.5)


def test_the_tuner_is_judged_where_it_chose_another_configuration_than_the_default(table):
    content = summary(table, 0.95)
    assert content["planted"]["strong"]["tuner"] == {"chose_the_default": 1, "chose_another": 2, "beat_the_default": 1}
    assert content["noise"]["tuner"] == {"chose_the_default": 0, "chose_another": 2, "beat_the_default": 1}


def test_sentences_say_what_was_counted_and_no_more(table):
    tuner = "The tuner chose another configuration than the default on {}, which earned the larger Sharpe ratio on the "
    tuner += "test days of 1."
    assert list(sentences(summary(table, 0.95)))[:2] == [
        f"Nothing to find: skill was claimed on 1 of 2 markets (50% [1%, 99%]). {tuner.format(2)}",
        "Planted, weak: skill was claimed on 0 of 1 market (0% [0%, 98%]); in the median the oracle has Sharpe 1.00, "
        f"and the tuned agent 60% of that, 20% of its gain over the benchmark. {tuner.format(1)}",
    ]


def test_a_market_that_could_not_be_judged_is_no_claim_and_is_counted(table):
    broken = verdict("unknown", p_value=None)
    broken["rows"] = {}
    broken["skill"] |= {"estimate": None, "interval": None}
    rows = pd.concat([table, pd.DataFrame([row_of(control("none", 2), broken, None, 0)])])
    noise = summary(rows, 0.95)["noise"]
    assert (noise["markets"], noise["claims"], noise["unjudged"]) == (3, 1, 1)
    assert noise["tuner"]["chose_another"] == 2


def test_plots_are_drawn_from_the_table_also_where_there_is_no_noise(table, tmp_path):
    for name, rows in (("all", table), ("planted", table[table["signal_strength"] > 0])):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        claims, p_values = tmp_path / f"{name}_claims.svg", tmp_path / f"{name}_p_values.svg"
        plot_controls(tmp_path / f"{name}.csv", claims, p_values, 0.95)
        assert "<svg" in claims.read_text()
        assert "<svg" in p_values.read_text()


def test_where_the_oracle_gains_nothing_there_is_no_share_of_it(table):
    said = list(sentences(summary(table.assign(oracle_sharpe=-0.2, benchmark_sharpe=0.1), 0.95)))
    planted = [line for line in said if line.startswith("Planted")]
    assert planted
    assert all("the oracle has Sharpe -0.20. " in line for line in planted)


def test_cpu_seconds_are_those_of_all_jobs_that_say_them(tmp_path):
    (tmp_path / "seed_0").mkdir()
    (tmp_path / "seed_0/train_agent.tsv").write_text("s\tmax_rss\tcpu_time\n9.0\t300\t4.25\n")
    (tmp_path / "judge_sweep.tsv").write_text("s\th:m:s\tcpu_time\n9.0\t0:00:09\t1.5\n")
    (tmp_path / "score_trial.tsv").write_text("s\th:m:s\tcpu_time\n0.1\t0:00:00\tNA\n")
    assert cpu_seconds(tmp_path) == 5.75
