import io

import torch

from workflow_scripts.workflow.policies import remove_damaged_policies


def test_a_truncated_policy_of_a_run_or_of_the_backtest_is_removed(tmp_path):
    content = io.BytesIO()
    torch.save({"weight": torch.zeros(100)}, content)
    runs = ("ppo/round_0/trial_1/fold_2/seed_3", "ppo/backtest/rank_1/seed_100")
    for run in runs:
        for name, size in ((run, None), (f"{run}0", 500)):
            path = tmp_path / name / "policy.pt"
            path.parent.mkdir(parents=True)
            path.write_bytes(content.getvalue()[:size])
    removed = sorted(str(path.parent.relative_to(tmp_path)) for path in remove_damaged_policies(tmp_path))
    assert removed == sorted(f"{run}0" for run in runs)
    assert sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.glob("**/policy.pt")) == sorted(runs)
