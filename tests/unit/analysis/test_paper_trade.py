"""Paper trading through alpaca-py, against a stand-in of Alpaca on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workflow_scripts.analysis.paper_trade import paper_trade, read_orders
from workflow_scripts.training.accounts import read_account

pytest.importorskip("alpaca.trading", reason="alpaca-py is not installed")

KEY, SECRET = "PKTESTKEY0002", "s3cr3t-of-paper"
ORDERS = """\
# Yes: the tuned agent beats the benchmark.
ticker,weight_now,target_weight,shares,price,notional,fee
AAA,0.1,0.2,120,10,1200,1.2
BBB,0.2,0.1,-7.12345678912,100,-712.345678912,0.7
CCC,0.1,0.1,0,10,0,0
DDD,0.1,0.1,0.05,10,0.5,0.0005
EEE,0.2,0.1,-3,10,-30,0.03
"""


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS, encoding="utf-8")
    return path


@pytest.fixture
def alpaca(monkeypatch):
    """Alpaca's paper trading: an account, its positions, and orders, whose ids it takes once."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            positions = [{"symbol": "AAA", "qty": "12.5"}, {"symbol": "BBB", "qty": "3"}]
            self.say({"/v2/account": {"cash": "1000.25"}, "/v2/positions": positions}[self.path])

        def do_POST(self):
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            keys = self.headers["APCA-API-KEY-ID"], self.headers["APCA-API-SECRET-KEY"]
            if keys != (KEY, SECRET):
                return self.say({"message": f"no such key {keys[1]}"}, 401)
            if order["client_order_id"] in [each["client_order_id"] for each in taken]:
                return self.say({"message": "client_order_id must be unique"}, 422)
            taken.append(order)
            return self.say({"id": str(len(taken))})

        def say(self, answer, status=200):
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_orders_are_sent_once_and_only_when_asked_for_sales_first(alpaca, orders, capsys):
    address, taken = alpaca
    paper_trade(orders, address=address)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "would send: sell 7.123456789 BBB (day)",
        "would send: sell 3 EEE (cls)",
        "would send: buy 120 AAA (cls)",
        "nothing was sent: add --send",
    ]
    assert taken == []

    paper_trade(orders, send=True, address=address)
    assert [(order["symbol"], order["side"], order["qty"], order["time_in_force"]) for order in taken] == [
        ("BBB", "sell", 7.123456789, "day"),
        ("EEE", "sell", 3, "cls"),
        ("AAA", "buy", 120, "cls"),
    ]
    assert {order["type"] for order in taken} == {"market"}

    with pytest.raises(ConnectionError, match=r"3 of 3 orders were not taken: .*must be unique"):
        paper_trade(orders, send=True, address=address)
    assert len(taken) == 3


def test_orders_of_another_day_have_other_ids(orders):
    first = {order["client_order_id"] for order in read_orders(orders)}
    orders.write_text(ORDERS.replace("1200", "1201"), encoding="utf-8")
    assert first.isdisjoint(order["client_order_id"] for order in read_orders(orders))


def test_what_the_account_holds_is_a_file_that_orders_read(alpaca, tmp_path):
    paper_trade(holdings=tmp_path / "mine.csv", address=alpaca[0])
    account = read_account(tmp_path / "mine.csv", ("AAA", "BBB", "CCC"))
    assert (account.cash, account.shares.tolist()) == (1000.25, [12.5, 3, 0])


def test_real_money_missing_keys_and_wrong_keys_are_refused_in_one_line(alpaca, orders, monkeypatch):
    for address in ("https://api.alpaca.markets", "https://API.ALPACA.markets/v2", "api.alpaca.markets"):
        with pytest.raises(ValueError, match="trades real money"):
            paper_trade(orders, send=True, address=address)
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wr0ng-secret")
    with pytest.raises(ConnectionError, match=r"no such key …") as caught:
        paper_trade(orders, send=True, address=alpaca[0])
    assert "wr0ng" not in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    with pytest.raises(ValueError, match="its keys from the environment, and APCA_API_SECRET_KEY is not there"):
        paper_trade(orders, send=True, address=alpaca[0])


def test_nobody_at_the_address_is_one_line(orders, monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    with pytest.raises(ConnectionError, match="3 of 3 orders were not taken"):
        paper_trade(orders, send=True, address="http://127.0.0.1:9")


def test_a_file_that_is_no_orders_csv_sends_nothing(orders, tmp_path):
    (tmp_path / "holdings.csv").write_text("ticker,shares\nAAPL,120\ncash,18250\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"holdings\.csv is no orders\.csv: it has no column weight_now, target_weight"
    ):
        paper_trade(tmp_path / "holdings.csv")
    for cell in ("nan", "", "1_0x"):
        broken = ",".join([ORDERS.splitlines()[-1].split(",")[0], "0", "0", cell, "1", "1", "0"])
        orders.write_text(f"{ORDERS}{broken}\n", encoding="utf-8")
        with pytest.raises(ValueError, match="which are not two numbers"):
            read_orders(orders)
