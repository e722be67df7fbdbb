"""Orders: the trades that the backtest would make, of the account that there is, or one line that says why not."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from tests.unit.training.whole_run import whole_run
from workflow_scripts.analysis.write_orders import write_orders
from workflow_scripts.data.bars import write_bars
from workflow_scripts.data.fold_files import read_fold, write_fold
from workflow_scripts.data.market_folds import sealed_of_market
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.training.accounts import OrderSettings
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_returns
from workflow_scripts.training.trials import Trial
from workflow_scripts.training.weights import read_weights
from workflow_scripts.workflow.files import write_json

SEEDS = (10, 11)
TRIAL = Trial("mine", "ppo", 0, 0, 64, {"net_dims_0": 16, "net_dims_1": 16, "horizon_len": 32, "batch_size": 32})
TRAINING = TrainingSettings(num_envs=2, device="cpu")
SETTINGS = {
    "environment": EnvironmentSettings().model_dump(),
    "training": TRAINING.on_results(),
    "turbulence_days": 60,
    "purge_days": 2,
}
YES = "Yes: the tuned agent beats the benchmark."
NO = "Unknown: these data cannot show it."
LAST = "2000-12-29"


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A sweep whose incumbent traded the test days with two seeds, and whose skill was shown."""
    root = tmp_path_factory.mktemp("judged")
    market, sweep = root / "results/markets/toy", root / "results/sweeps/mine"
    bars = synthetic_bars(3, 260, 0.01, 10, 0.01, seed=0)
    market.mkdir(parents=True)
    write_bars(bars, market / "latest.parquet")
    sealed = sealed_of_market(MarketFeatures.of(bars, 60), "2000-10-02", 2)
    write_fold(*sealed, market / "sealed.npz")
    for seed in SEEDS:
        folder = sweep / f"backtest/rank_1/seed_{seed}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        whole_run(folder, TRIAL, sealed[0], TRAINING, seed)
    state(root, SEEDS)
    return root


def state(root, seeds, answer="yes", **settings):
    """Write the preregistration and the verdict."""
    sweep = root / "results/sweeps/mine"
    stated = {
        "market": "toy",
        "seeds": list(seeds),
        "candidates": {"rank_1": TRIAL.to_dict()},
        "skill": {"candidate": "rank_1"},
        "test_days": {"first_day": "2000-10-02", "last_day": LAST},
        "settings": {**SETTINGS, "environment": EnvironmentSettings(**settings).model_dump()},
    }
    write_json(sweep / "preregistration.json", stated)
    sentence = YES if answer == "yes" else NO
    write_json(sweep / "verdict.json", {"sentence": sentence, "skill": {"answer": answer}})


@pytest.fixture
def tree(judged, tmp_path):
    shutil.copytree(judged / "results", tmp_path / "results")
    return tmp_path


def give(root, today="2000-12-31", sweeps=("mine",), anyway=False, deciding="mine", **settings):
    """Write orders; return the lines of comment and the rows."""
    results = root / "results"
    market = results / "markets/toy"
    files = market / "sealed.json", market / "latest.parquet"
    write_orders(results, sweeps, deciding, *files, OrderSettings(**settings), anyway, today)
    lines = (results / "sweeps/mine/orders.csv").read_text(encoding="utf-8").splitlines()
    said = [line.removeprefix("# ") for line in lines if line.startswith("#")]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return said, pd.DataFrame(rows).set_index("ticker").astype("float64")


def refused(root, **options):
    with pytest.raises((ValueError, OSError)) as caught:
        give(root, **options)
    assert "\n" not in str(caught.value)
    assert not (root / "results/sweeps/mine/orders.csv").exists()
    return str(caught.value)


def hold(root, shares, cash):
    path = root / "mine.csv"
    text = "".join(f"{ticker},{number!r}\n" for ticker, number in shares.items())
    path.write_text(f"ticker,shares\n{text}cash,{cash!r}\n", encoding="utf-8")
    return str(path)


def change_bars(root, change):
    path = root / "results/markets/toy/latest.parquet"
    write_bars(change(pd.read_parquet(path)), path)


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_of_a_test_day_are_the_trades_that_the_backtest_of_the_seed_made(tree, seed):
    state(tree, [seed])
    run = tree / f"results/sweeps/mine/backtest/rank_1/seed_{seed}"
    made, returns = read_weights(run / "weights.parquet"), read_returns(run / "returns.parquet").to_numpy()
    segment = read_fold(tree / "results/markets/toy/sealed.npz").validation
    values = 1e6 * np.cumprod(np.concatenate([[1], 1 + returns]))
    weights = np.concatenate([made.start[None], made.weight])
    assert np.abs(made.traded).min() > 1e-6  # each day trades every ticker
    for day in (0, 1, 7, 30, len(returns) - 1):
        shares = weights[day] * values[day] / segment.close[day]
        cash = max(float(values[day] * (1 - weights[day].sum())), 0.0)  # none at the start, but for rounding
        account = hold(tree, dict(zip(made.tickers, map(float, shares), strict=True)), cash)
        said, rows = give(tree, day=str(segment.dates[day]), holdings=account)
        assert rows.index.tolist() == list(made.tickers)
        np.testing.assert_allclose(rows["weight_now"], weights[day], rtol=0, atol=1e-9)
        np.testing.assert_allclose(rows["target_weight"], made.weight[day], rtol=0, atol=1e-9)
        np.testing.assert_allclose(rows["notional"] / values[day], made.traded[day], rtol=0, atol=1e-9)
        np.testing.assert_allclose(rows["price"], segment.close[day + 1], rtol=1e-11)
        assert f"sized at that of {segment.dates[day + 1]}" in said[1]


def test_the_verdict_stands_on_top_and_then_what_the_orders_rest_on(tree):
    said, rows = give(tree)
    assert said == [
        YES,
        "mine on toy: decided on the close of 2000-12-29 by the mean action of 2 seeds; to fill at the next close, "
        "sized at this one",
        said[2],
    ]
    assert said[2].startswith("an account that starts with initial_cash alone: worth 1,000,000.00, cash 1,000,000.00 ")
    np.testing.assert_array_equal(rows["weight_now"], 0)
    # A fifth of the way from cash to about a third each.
    np.testing.assert_allclose(rows["target_weight"], 1 / 15, atol=0.02)


def test_an_ensembles_orders_lie_between_those_of_its_seeds(tree):
    both = give(tree)[1]["target_weight"]
    each = []
    for seed in SEEDS:
        state(tree, [seed])
        each.append(give(tree)[1]["target_weight"])
    assert ((each[0] - each[1]).abs() > 1e-6).any()
    np.testing.assert_allclose(both, (each[0] + each[1]) / 2, atol=1e-4)


def test_of_several_windows_of_test_days_the_policies_of_the_last_decide_under_the_one_verdict(tree):
    _, alone = give(tree)
    sweeps = tree / "results/sweeps"
    (sweeps / "mine").rename(sweeps / "mine_window_1")
    (sweeps / "mine").mkdir()
    (sweeps / "mine_window_1/verdict.json").rename(sweeps / "mine/verdict.json")
    said, rows = give(tree, deciding="mine_window_1")
    assert said[0] == YES
    pd.testing.assert_frame_equal(rows, alone)


def test_shares_notional_fee_and_cash_add_up(tree):
    state(tree, SEEDS, sell_tax_pct=0.002)
    tickers = read_fold(tree / "results/markets/toy/sealed.npz").tickers
    account = hold(tree, {tickers[0]: 9000.0, tickers[1]: 10.0}, 5000.0)
    said, rows = give(tree, holdings=account)
    sold, bought = rows.loc[tickers[0]], rows.loc[tickers[1]]
    assert sold["shares"] < 0 < bought["shares"]
    assert sold["notional"] == pytest.approx(sold["shares"] * sold["price"])
    assert sold["fee"] == pytest.approx(0.003 * -sold["notional"])
    assert bought["fee"] == pytest.approx(0.001 * bought["notional"])
    value = 5000 + 9000 * sold["price"] + 10 * bought["price"]
    after = 5000 - rows["notional"].sum() - rows["fee"].sum()
    assert (
        f"the account of {account}: worth {value:,.2f}, cash 5,000.00 before the orders and {after:,.2f} after"
        in said[2]
    )
    assert rows["target_weight"].sum() == pytest.approx(1 - after / (value - rows["fee"].sum()))


def test_lots_of_these_orders_need_not_be_those_that_were_judged(tree):
    rows = give(tree, lot_size=7)[1]
    assert (rows["shares"] > 0).all()
    np.testing.assert_array_equal(rows["shares"] % 7, 0)


def test_without_skill_there_are_no_orders_but_at_ones_wish(tree):
    state(tree, SEEDS, answer="unknown")
    message = refused(tree)
    assert message.startswith(f"no orders of mine, whose skill was not shown: {NO}")
    assert "--config anyway=true" in message
    assert give(tree, anyway=True)[0][0] == NO


def test_a_refusal_leaves_no_orders_of_another_day(tree):
    give(tree)
    state(tree, SEEDS, answer="no")
    refused(tree)


def test_without_a_verdict_there_are_no_orders(tree):
    (tree / "results/sweeps/mine/verdict.json").unlink()
    assert refused(tree) == "mine has no verdict yet, and orders follow from one: run Snakemake first (make run)"


def test_of_several_sweeps_one_has_to_be_named(tree):
    message = refused(tree, sweeps=("mine", "other"))
    assert "there are mine, other: name it with --config orders='{sweep: mine}'" in message


def test_a_holding_that_the_market_does_not_trade_is_named(tree):
    assert "mine.csv holds ZZZ, which the market does not trade" in refused(
        tree, holdings=hold(tree, {"ZZZ": 1.0}, 100.0)
    )


def test_a_file_of_holdings_that_is_not_there_is_named(tree):
    assert "nowhere.csv" in refused(tree, holdings="nowhere.csv")


def test_a_day_that_the_market_does_not_have_is_named(tree):
    message = refused(tree, day="2000-12-30")
    assert message == "orders.day: 2000-12-30 is no day of the market from its test_start on: 2000-10-02 to 2000-12-29"


def test_old_prices_are_a_warning_with_their_age(tree):
    assert not any("ago" in line for line in give(tree, today="2001-01-02")[0])
    said = give(tree, today="2001-01-03")[0]
    assert said[-1] == "warning: the last bar is of 2000-12-29, 5 days ago: fetch newer prices before you trade"
    assert not any("ago" in line for line in give(tree, today="2001-01-03", stale_days=5)[0])
    assert not any("ago" in line for line in give(tree, today="2001-01-03", day="2000-12-01")[0])


def test_a_ticker_without_a_price_is_named_with_its_day(tree):
    def forget(bars):
        bars.loc[(bars["date"] == LAST) & (bars["ticker"] == bars["ticker"].iloc[1]), "close"] = np.nan
        return bars

    change_bars(tree, forget)
    ticker = read_fold(tree / "results/markets/toy/sealed.npz").tickers[1]
    assert f"{ticker} of market toy has no price on 2000-12-29" in refused(tree)


def test_a_ticker_that_did_not_trade_is_a_warning(tree):
    change_bars(
        tree,
        lambda bars: bars.assign(**{"is:held": ((bars["date"] == LAST) & (bars["ticker"] == bars["ticker"][0])) * 1.0}),
    )
    ticker = read_fold(tree / "results/markets/toy/sealed.npz").tickers[0]
    assert f"warning: {ticker} did not trade on 2000-12-29" in give(tree)[0][-1]


def test_a_factor_of_all_prices_of_a_ticker_changes_no_weight_and_warns_of_nothing(tree):
    """What a dividend does to adjusted prices."""
    before = give(tree)[1]

    def halve(bars):
        bars.loc[bars["ticker"] == before.index[1], ["open", "high", "low", "close"]] *= 0.5
        return bars

    change_bars(tree, halve)
    said, after = give(tree)
    assert len(said) == 3
    np.testing.assert_allclose(after["target_weight"], before["target_weight"], rtol=1e-5)
    np.testing.assert_allclose(after["shares"], before["shares"] * [1, 2, 1], rtol=1e-5)


def test_revised_prices_of_the_training_days_are_a_warning(tree):
    def revise(bars):
        bars.loc[bars["date"] == "2000-07-03", ["open", "high", "low", "close"]] *= 1.3
        return bars

    change_bars(tree, revise)
    assert "warning: prices before the test days were revised since the policies were trained" in give(tree)[0][-1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("tickers", "the policies were trained on the tickers "),
        ("days", "the policies were trained on the days 2000-03-28 to 2000-09-27 (132 days), and the market has now "),
    ],
)
def test_another_market_than_was_judged_is_refused(tree, changed, message):
    if changed == "tickers":
        change_bars(tree, lambda bars: bars[bars["ticker"] != bars["ticker"].iloc[2]].reset_index(drop=True))
    else:
        change_bars(tree, lambda bars: bars[bars["date"] != "2000-07-03"].reset_index(drop=True))
    said = refused(tree)
    assert message in said
    assert said.endswith("run Snakemake first, which trains and judges anew")


def test_a_policy_of_another_configuration_is_refused(tree):
    path = tree / "results/sweeps/mine/preregistration.json"
    stated = json.loads(path.read_text(encoding="utf-8"))
    stated["candidates"]["rank_1"]["configuration"]["gamma"] = 0.5
    write_json(path, stated)
    assert "seed_10/policy.pt is of another configuration than was judged: run Snakemake first" in refused(tree)


def test_failed_seeds_have_no_say_and_without_any_other_there_are_no_orders(tree):
    alone = give_of(tree, [11])
    state(tree, SEEDS)
    fail(tree, 10)
    said, rows = give(tree)
    assert said[-1] == "warning: the trainings of seeds 10 failed, and have no say"
    pd.testing.assert_frame_equal(rows, alone)
    fail(tree, 11)
    assert refused(tree) == "all 2 trainings of the incumbent of mine failed: there is no policy to ask"


def give_of(root, seeds):
    state(root, seeds)
    return give(root)[1]


def fail(root, seed):
    failed = {"status": "failed", "reason": "the loss is not finite", "days": 0}
    write_json(root / f"results/sweeps/mine/backtest/rank_1/seed_{seed}/sharpe.json", {**failed, "sharpe": None})
