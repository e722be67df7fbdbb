import io

import pytest
import torch

from workflow_scripts.workflow.policies import is_damaged


@pytest.mark.parametrize(("size", "damaged"), [(None, False), (500, True), (0, True)])
def test_a_truncated_policy_is_damaged(tmp_path, size, damaged):
    content = io.BytesIO()
    torch.save({"weight": torch.zeros(100)}, content)
    (tmp_path / "policy.pt").write_bytes(content.getvalue()[:size])
    assert is_damaged(tmp_path / "policy.pt") == damaged


def test_a_policy_that_is_not_there_is_not_damaged(tmp_path):
    assert not is_damaged(tmp_path / "policy.pt")
