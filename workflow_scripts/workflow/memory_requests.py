"""How much memory a job asks for, by the size of what it reads."""

# MB of a job whatever it reads, and MB per MB of its inputs; measured by benchmarks/large_market.py.
REQUESTS = {
    "download_bars": (2000, 10),
    "compute_features": (1000, 40),
    "split_folds": (500, 4),
    "train_agent": (1500, 3),
    "backtest_incumbent": (1500, 3),
    "evaluate_baselines": (1000, 3),
    "backtest_baselines": (1000, 3),
}


def request_mb(rule: str, input_mb: float, attempt: int = 1) -> int:
    """Return the MB that a job of a rule asks for at an attempt, by the MB of its inputs."""
    least, each = REQUESTS[rule]
    return attempt * round(least + each * input_mb)
