import shlex

import pytest
import tyro

from workflow_scripts.data.settings import FeatureSettings, FoldSettings
from workflow_scripts.workflow.flags import flags
from workflow_scripts.workflow.model import SettingError


@pytest.mark.parametrize(
    "values",
    [
        {"count": 4, "train_days": 60, "validation_days": 20, "purge_days": 2, "window": "expanding", "anchor": "end"},
        {"n_folds": 4, "train_ratio": 0.5, "expanding": True, "gap_days": 10},
        {"n_folds": 4, "train_ratio": 0.5, "expanding": False, "gap_days": 10},
    ],
)
def test_either_form_of_the_folds_comes_back_from_its_flags(values):
    settings = FoldSettings.of(values)
    assert settings.of_form() == values
    words = shlex.split(flags(settings=settings.of_form()))
    assert tyro.cli(FoldSettings, args=[word.replace("settings.", "") for word in words]) == settings


def test_both_forms_say_how_many_folds_there_are_and_what_is_dropped():
    in_days, in_fractions = FoldSettings.of({"count": 4, "purge_days": 2}), FoldSettings.of({"n_folds": 6})
    assert (in_days.number, in_days.dropped_days) == (4, 2)
    assert (in_fractions.number, in_fractions.dropped_days) == (6, 5)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"n_folds": 4, "window": "rolling"}, "window: does not go with n_folds: folds are in days (count, "),
        ({"train_ratio": 0.5}, "train_ratio: belongs to folds in fractions, which need n_folds"),
        ({"n_folds": 4, "train_ratio": 1}, "train_ratio: 1 is not < 1"),
        ({"n_fold": 4, "train_ratio": 0.5}, "n_fold: unknown key; did you mean n_folds?"),
        ({"count": 0}, "count: 0 is not ≥ 1"),
        ({"window": "sliding"}, "window: 'sliding' is not one of rolling or expanding"),
        ({"trian_days": 60}, "trian_days: unknown key; did you mean train_days?"),
        ({"expanding": 2}, "expanding: "),
    ],
)
def test_folds_that_cannot_be_are_refused_with_their_key(values, line):
    with pytest.raises(SettingError) as error:
        FoldSettings.of(values)
    assert str(error.value).startswith(line)


def test_the_look_back_of_turbulence_has_at_least_20_days():
    with pytest.raises(SettingError, match="turbulence_days: 19 is not ≥ 20"):
        FeatureSettings.of({"turbulence_days": 19})
