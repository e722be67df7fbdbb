"""A file of holdings is read as it is meant, or refused in one line; what orders cost."""

import numpy as np
import pytest

from workflow_scripts.training.accounts import fees, read_account
from workflow_scripts.training.environment.settings import EnvironmentSettings

TICKERS = ("A", "B", "C")


def account_of(folder, text):
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return read_account(path, TICKERS)


def test_an_account_has_shares_in_the_markets_order_and_cash(tmp_path):
    account = account_of(tmp_path, "# of Monday\nticker,shares,bought\nC,2.5,2020\ncash,100,\nA,10,2021\n")
    assert account.cash == 100
    assert account.shares.tolist() == [10, 0, 2.5]
    assert account.value(np.array([1.0, 5.0, 4.0])) == 120


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,shares\nA,1\n", "mine.csv has no column ticker: holdings are a table ticker,shares"),
        ("", "mine.csv has no column ticker, shares"),
        ("ticker,shares\nA,1\n", "mine.csv has no row cash: add cash,AMOUNT, or cash,0 where there is none"),
        ("ticker,shares\nA,1\nA,2\ncash,0\n", "mine.csv: A stands twice"),
        ("ticker,shares\nZ,1\nA,2\nX,1\ncash,0\n", r"holds X, Z, which the market does not trade \(it has A, B, C\)"),
        ("ticker,shares\nA,many\ncash,0\n", "A has 'many', which is no number from 0 on"),
        ("ticker,shares\nA,nan\ncash,0\n", "A has 'nan', which is no number from 0 on"),
        ("ticker,shares\nA,-3\ncash,0\n", "A has '-3', which is no number from 0 on"),
        ("ticker,shares\nA\ncash,0\n", "A has None, which is no number from 0 on"),
        ("ticker,shares\nA,0\ncash,0\n", "mine.csv holds neither shares nor cash"),
    ],
)
def test_what_is_no_account_is_refused_with_its_name_and_the_remedy(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        account_of(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_is_named(tmp_path):
    (tmp_path / "mine.csv").write_bytes("# für heute\nticker,shares\nA,1\ncash,0\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"mine\.csv is no text in UTF-8 \(.*0xfc.*\): save it as such"):
        read_account(tmp_path / "mine.csv", ["A"])


def test_an_account_that_may_sell_short_owes_shares_and_money(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("ticker,shares\nA,-3\nB,2\ncash,-1.5\n", encoding="utf-8")
    account = read_account(path, TICKERS, short=True)
    assert (account.cash, account.shares.tolist()) == (-1.5, [-3, 2, 0])
    path.write_text("ticker,shares\nA,inf\ncash,0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"A has 'inf', which is no number: write 1234\.5$"):
        read_account(path, TICKERS, short=True)


def test_an_order_costs_its_fee_the_least_fee_or_nothing_and_a_sale_its_tax():
    environment = EnvironmentSettings(cost_pct=0.001, min_fee=5, sell_tax_pct=0.01)
    # 10,000 bought: 10; 1,000 bought: the least 5; 10,000 sold: 10 and a tax of 100; nothing ordered: nothing.
    assert fees(np.array([10_000.0, 1_000.0, -10_000.0, 0.0]), environment).tolist() == [10, 5, 110, 0]
