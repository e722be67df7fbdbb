from workflow_scripts.workflow.explain_reruns import explain

DRY_RUN = """\
localcheckpoint split_folds:
    output: fold_0.npz
    reason: Updated input files: bars.parquet
    wildcards: market=toy

rule train_agent:
    output: a
    reason: Input files updated by another job: fold_0.npz
rule train_agent:
    output: b
    reason: Missing output files: b; Input files updated by another job: fold_0.npz

rule all:
    reason: Input files updated by another job: a, b
"""


def test_each_rule_is_counted_with_its_reasons_and_what_may_be_spared():
    split, train = explain(DRY_RUN)
    assert split.split() == ["split_folds", "1", *["a", "file", "it", "reads", "has", "changed"]]
    assert train.endswith("2  a file it reads is made anew, a file is missing (1); 1 may be spared by equal bytes")


def test_nothing_is_nothing():
    assert explain("Nothing to be done (all requested files are present and up to date).\n") == ["nothing to be done"]
