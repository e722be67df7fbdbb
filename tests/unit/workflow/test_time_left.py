import pytest

from workflow_scripts.workflow.time_left import TimeLeft


def test_nothing_is_said_before_the_first_training_has_ended():
    left = TimeLeft({"split_folds": 1, "train_agent": 2})
    left.start(0, "split_folds", 0.0)
    left.end(0, 5.0)
    left.start(1, "train_agent", 5.0)
    assert left.seconds(10.0) is None


def test_what_is_left_is_shared_by_the_jobs_that_run_at_a_time():
    left = TimeLeft({"train_agent": 6, "backtest_incumbent": 2, "plot_sharpe": 4})
    for job in (1, 2):
        left.start(job, "train_agent", 0.0)
    for job in (1, 2):
        left.end(job, 10.0)
    for job in (3, 4):
        left.start(job, "train_agent", 10.0)
    # Two halves of a training, two more and two of the backtest, of 10 s each; plots take no time; two at a time.
    assert left.seconds(15.0) == pytest.approx((2 * 5 + 2 * 10 + 2 * 10) / 2)


def test_a_job_that_failed_is_yet_to_do():
    left = TimeLeft({"train_agent": 2})
    left.start(1, "train_agent", 0.0)
    left.end(1, 10.0)
    left.start(2, "train_agent", 10.0)
    left.end(2, 12.0, well=False)
    # One training of 10 s, one at a time.
    assert left.seconds(12.0) == pytest.approx(10.0)


def test_a_tail_without_trainings_has_a_time_too():
    left = TimeLeft({"plot_sharpe": 2})
    left.start(1, "plot_sharpe", 0.0)
    left.end(1, 4.0)
    assert left.seconds(4.0) == pytest.approx(4.0)


def test_jobs_that_a_checkpoint_spared_are_no_part_of_what_is_left():
    left = TimeLeft({"train_agent": 5})
    left.start(1, "train_agent", 0.0)
    left.end(1, 10.0)
    # Four were announced and two are left.
    assert left.seconds(10.0, to_start=2) == pytest.approx(20.0)
