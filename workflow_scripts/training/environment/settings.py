"""How an action becomes trades: the settings of the environment. No torch here."""

from typing import Literal

from pydantic import Field

from workflow_scripts.workflow.model import Settings

ActionMode = Literal["tilt", "weights", "shares", "long_short"]
Start = Literal["cash", "benchmark"]
# Elegantrl's: a scaled action of `shares` below it orders nothing.
DEAD_ZONE = 0.1
# The neutral action by the agents' own mechanism, against which skill is judged, and what anybody can buy.
BASELINES = ("benchmark", "equal_weight", "buy_and_hold")


class EnvironmentSettings(Settings):
    """How an action becomes trades, the same in training, validation and backtest."""

    action_mode: ActionMode = Field(
        default="tilt",
        description="`tilt`: equal weight tilted by the action; `weights`: softmax with cash; `shares`: ElegantRL's "
        "integer orders; `long_short`: a tilt that may sell short",
    )
    rebalance_rate: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="fraction of the way to the target weights that is traded each day (not `shares`)",
    )
    leverage: float = Field(
        default=1.0,
        ge=1,
        le=5,
        description="what all positions may be worth at most, long and short together, as a multiple of the account "
        "(`long_short`)",
    )
    borrow_cost: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="what borrowing costs a year, as a fraction: of the worth of the shares sold short, and, beyond "
        "`risk_free`, of cash below zero (`long_short`)",
    )
    risk_free: float = Field(
        default=0.0,
        ge=-0.1,
        le=1,
        description="what cash earns a year, as a fraction, in every mode; Sharpe ratios are of the returns beyond it",
    )
    cost_pct: float = Field(
        default=0.001,
        ge=0,
        le=0.05,
        description="fee as a fraction of the traded value, FinRL's and ElegantRL's name (0.001 is 0.1 %)",
    )
    sell_tax_pct: float = Field(
        default=0.0, ge=0, le=0.05, description="tax on sales as a fraction of the sold value, beside the fee"
    )
    min_fee: float = Field(
        default=0.0,
        ge=0,
        le=1e12,
        description="the least fee of an order, in the market's currency; above 0 every mode orders whole lots",
    )
    lot_size: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="shares per lot, which orders are multiples of, rounded towards none; 0 lets all modes but "
        "`shares` trade fractions of shares",
    )
    initial_cash: float = Field(
        default=1e6,
        gt=0,
        le=1e15,
        description="what an account is worth at the start of an episode, in the market's currency",
    )
    start: Start = Field(
        default="benchmark",
        description="what a judged episode starts with, of agents and baselines alike: `benchmark`, equal weights that "
        "are held already; or `cash`. Training episodes start from random portfolios either way",
    )
    max_stock: int = Field(
        default=100, ge=1, le=10**9, description="shares that a scaled action of 1 orders (`shares`)"
    )
    action_scale: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="what an action is multiplied by before the dead zone, below 0.1, and `max_stock` (`shares`); "
        "ElegantRL's is 1",
    )

    @property
    def lot(self) -> int:
        """Shares per lot, at least one where orders are of whole shares; 0 where they are of fractions."""
        return max(self.lot_size, int(self.action_mode == "shares" or self.min_fee > 0))

    def interest(self, periods_per_year: int) -> tuple[float, float, float]:
        """Return a day's rates: of cash, of cash below zero, and of the worth of shares sold short."""
        year = self.risk_free, self.risk_free + self.borrow_cost, self.borrow_cost
        cash, debt, shares = (rate / periods_per_year for rate in year)
        return cash, debt, shares

    @property
    def in_lots(self) -> bool:
        """Whether orders need more care than fractions of shares and ElegantRL's single shares do."""
        return self.lot > (self.action_mode == "shares") or self.min_fee > 0
