import json
from pathlib import Path

import pytest

from workflow_scripts.workflow.memory_requests import REQUESTS, request_mb

MEASURED = Path(__file__).parents[3] / "benchmarks" / "large_market.json"


def test_a_job_asks_for_more_where_it_reads_more_and_at_every_retry():
    assert request_mb("train_agent", 0) == 1500
    assert request_mb("train_agent", 100) == 1800
    assert [request_mb("train_agent", 100, attempt) for attempt in (1, 2, 3)] == [1800, 3600, 5400]


@pytest.mark.parametrize("rule", [rule for rule in REQUESTS if rule != "train_agent"])
def test_the_jobs_of_a_market_of_500_tickers_and_5000_days_stay_within_what_they_ask_for(rule):
    took = json.loads(MEASURED.read_text(encoding="utf-8"))["jobs"]["now"][rule]
    assert took["mb"] < took["request_mb"]


@pytest.mark.parametrize(("rule", "most"), [("compute_features", 40), ("split_folds", 10), ("backtest_incumbent", 12)])
def test_the_jobs_of_that_market_take_no_more_cpu_seconds_than_they_may(rule, most):
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert (measured["market"]["tickers"], measured["market"]["days"]) == (500, 5000)
    assert measured["jobs"]["now"][rule]["cpu_s"] <= most
