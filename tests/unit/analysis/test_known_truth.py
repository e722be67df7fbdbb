"""What is said of the markets whose truth is known, beside the user's own."""

import json

import pytest

from workflow_scripts.analysis.known_truth import known_truths

HEAD = "name,strength,signal_strength,tuned_sharpe,default_sharpe,benchmark_sharpe,oracle_sharpe"
ROWS = [
    "control_own_none_0,none,0.0,1.0,,1.1,",
    "control_own_strong_0,strong,0.15,2.5,2.25,1.2,2.75",
    "control_own_strong_1,strong,0.15,2.4,2.1,1.1,2.8",
]


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "controls"
    for row in ROWS:
        sweep = folder / "results/sweeps" / row.partition(",")[0]
        sweep.mkdir(parents=True)
        said = {question: {"sentence": f"{question} on {sweep.name}."} for question in ("skill", "tuning")}
        (sweep / "verdict.json").write_text(json.dumps(said))
    (folder / "controls.csv").write_text("\n".join([HEAD, *ROWS]) + "\n")
    return tmp_path


def test_the_strongest_stands_first_and_one_market_speaks_for_each_strength(results):
    assert [(known.name, known.title, known.markets) for known in known_truths(results)] == [
        ("control_own_strong_0", "Something to find (strong)", 2),
        ("control_own_none_0", "Nothing to find", 1),
    ]


def test_the_sentence_has_what_was_earned_by_whom_and_leaves_out_who_was_not_judged(results):
    strong, noise = known_truths(results)
    assert strong.sentence == (
        "Skill: skill on control_own_strong_0. Tuning: tuning on control_own_strong_0. Sharpe ratios on the test days: "
        "tuned 2.50, default 2.25, benchmark 1.20, oracle 2.75."
    )
    assert noise.sentence.endswith("tuned 1.00, benchmark 1.10.")


def test_without_controls_nothing_is_said(tmp_path):
    assert list(known_truths(tmp_path)) == []
