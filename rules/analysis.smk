verdicts = []
figures = []
policies = expand(
    f"{BACKTEST_RUN}/policy.pt", sweep=SWEEPS, candidate=CANDIDATES, seed=config["seeds"]["final"]
)
