from workflow_scripts.workflow.reruns import Job, explain

JOBS = [
    Job("split_folds", "Updated input files: bars.parquet", is_checkpoint=True),
    Job("train_agent", "Input files updated by another job: fold_0.npz"),
    Job("train_agent", "Missing output files: b; Input files updated by another job: fold_0.npz"),
]


def test_each_rule_is_counted_with_its_reasons_and_what_may_be_spared():
    split, train = explain(JOBS)
    assert split.split() == ["split_folds", "1", *["a", "file", "it", "reads", "has", "changed"]]
    assert train.endswith("2  a file it reads is made anew, a file is missing (1); 1 may be spared by equal bytes")


def test_nothing_may_be_spared_where_no_checkpoint_runs():
    assert explain([Job("train_agent", "Input files updated by another job: a")])[0].endswith(
        "a file it reads is made anew"
    )


def test_params_that_a_reason_quotes_are_no_reasons():
    quoted = "Params have changed since last execution: before: 'a; Forced: 1' now: 'b; c: 2'"
    assert explain([Job("plot_sharpe", quoted)])[0].endswith("1  its settings or its code have changed")


def test_a_reason_that_nobody_knows_is_said_as_it_is():
    assert explain([Job("plot_sharpe", "Moon is full: today")])[0].endswith("1  Moon is full")
