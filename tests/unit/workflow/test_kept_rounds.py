import hashlib
import json
import shutil

import pytest

from workflow_scripts.sweeps.restore_trials import restore_trials
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.kept_rounds import count_kept_rounds, lost_trials, trials_kept

SETTINGS = {"seed": 0, "search_space": {"gamma": {"lower": 0.9, "upper": 0.99}}}


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "ppo_smac"
    for number in range(3):
        text = f"trial of round {number}\n"
        path = folder / f"round_{number}/trial_0/config.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        trials = [{"config": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}]
        write_json(folder / f"round_{number}/proposals.json", {"settings": SETTINGS, "trials": trials})
    return folder


def test_rounds_whose_manifest_stands_are_kept(sweep, tmp_path):
    assert count_kept_rounds(sweep, SETTINGS) == 3
    assert count_kept_rounds(tmp_path / "new", SETTINGS) == 0


def test_deleting_the_last_rounds_opens_them(sweep):
    (sweep / "round_2/proposals.json").unlink()
    assert count_kept_rounds(sweep, SETTINGS) == 2


def test_a_lost_configuration_is_restored_and_not_proposed_again(sweep):
    path = sweep / "round_1/trial_0/config.yaml"
    before = path.read_bytes()
    path.unlink()
    assert count_kept_rounds(sweep, SETTINGS) == 3
    assert lost_trials(sweep / "round_1") == [0]
    restore_trials(sweep / "round_1/proposals.json", (0,))
    assert path.read_bytes() == before
    assert lost_trials(sweep / "round_1") == []


def test_an_edited_configuration_is_refused(sweep):
    (sweep / "round_1/trial_0/config.yaml").write_text("mine\n")
    with pytest.raises(ValueError, match=r"round_1/trial_0/config\.yaml is not what round 1 proposed: delete it"):
        count_kept_rounds(sweep, SETTINGS)


def test_a_missing_round_under_a_kept_one_is_refused(sweep):
    (sweep / "round_1/proposals.json").unlink()
    with pytest.raises(ValueError, match="has proposals for round 2 but none for round 1"):
        count_kept_rounds(sweep, SETTINGS)


def test_a_list_of_configurations_may_grow_behind_those_that_the_kept_rounds_took(sweep):
    for number in range(3):
        path = sweep / f"round_{number}/proposals.json"
        manifest = json.loads(path.read_text())
        write_json(path, manifest | {"settings": SETTINGS | {"configurations": [{"gamma": 0.9}, {}, {"gamma": 0.95}]}})
    longer = [{"gamma": 0.9}, {}, {"gamma": 0.95}, {"gamma": 0.91}]
    assert count_kept_rounds(sweep, SETTINGS | {"configurations": longer}) == 3
    with pytest.raises(ValueError, match="round 1 was proposed under other settings"):
        count_kept_rounds(sweep, SETTINGS | {"configurations": [longer[0], longer[3], *longer[1:3]]})


def test_a_changed_search_space_is_refused_with_the_three_ways_on(sweep):
    changed = {"seed": 0, "search_space": {"gamma": {"lower": 0.9, "upper": 0.999}}}
    with pytest.raises(ValueError) as refusal:
        count_kept_rounds(sweep, changed)
    message = str(refusal.value)
    assert "search_space.gamma.upper was 0.99, is now 0.999" in message
    for way in ("a new name", "--config replay=true", "delete"):
        assert way in message


def test_a_truncated_manifest_is_named(sweep):
    path = sweep / "round_0/proposals.json"
    path.write_text(path.read_text()[:20])
    with pytest.raises(ValueError, match=r"proposals\.json is no manifest of a round \(Unterminated .*delete"):
        count_kept_rounds(sweep, SETTINGS)


@pytest.mark.parametrize("content", [{}, [], {"settings": {}, "trials": {}}, {"settings": SETTINGS, "trials": [1]}])
def test_a_manifest_of_another_shape_is_named(sweep, content):
    write_json(sweep / "round_0/proposals.json", content)
    with pytest.raises(
        ValueError, match=r"round_0/proposals\.json is no manifest of a round \(it lacks .*: restore it, or delete the"
    ):
        count_kept_rounds(sweep, SETTINGS)


def test_a_copy_beside_a_round_is_no_round(sweep, tmp_path):
    shutil.copytree(sweep / "round_1", sweep / "round_1_bak")
    assert count_kept_rounds(sweep, SETTINGS) == 3


def test_trials_on_a_market_are_those_before_its_windows_too(tmp_path):
    for sweep, market in {"ppo": "toy", "sac_window_1": "toy_window_1", "a2c": "toy_window", "now": "toy"}.items():
        content = {"settings": {"market": market}, "trials": [{}, {}, {}]}
        write_json(tmp_path / f"results/sweeps/{sweep}/round_0/proposals.json", content)
    assert trials_kept("toy", {"now": 1}, tmp_path) == 6
    assert trials_kept("toy", {"now": 0}, tmp_path) == 9  # rounds that the sweep no longer plans were made all the same
