"""What networks are made of, in numbers. No torch here."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from workflow_scripts.data.fold_files import Segment

Architecture = Literal["shared", "flat"]
# Where an actor's exploration noise comes from: a free parameter, an output for every state, or not from the network.
Noise = Literal["free", "state", "none"]
SHARED_WIDTH_DIVISOR = 4
LEAST_WIDTH = 8


class Widths(NamedTuple):
    """How wide a network is.

    Attributes:
        rows: rows of numbers that a state is to the network; its hidden layers run over each of them.
        inputs: numbers per row.
        hidden: widths of the hidden layers.

    """

    rows: int
    inputs: int
    hidden: tuple[int, ...]


@dataclass(frozen=True)
class NetworkShape:
    """What a network's layers must fit.

    Attributes:
        tickers: number of tickers.
        ticker_features: features per ticker.
        market_features: features of the market.
        flat_features: all numbers that the flat architecture sees of a day.
        net_dims: widths of the hidden layers, as the hyperparameters say.
        initial_log_std: logarithm of the exploration noise's initial standard deviation.
        portfolio_scale: what the flat architecture multiplies cash and holdings by, so that they are about as large as
            the other numbers: the tickers where a state holds weights, 1 where it holds ElegantRL's tanh.
        dropout: share of the hidden units that an update leaves out.

    """

    tickers: int
    ticker_features: int
    market_features: int
    flat_features: int
    net_dims: tuple[int, ...]
    initial_log_std: float
    portfolio_scale: float = 1.0
    dropout: float = 0.0

    @classmethod
    def of(
        cls,
        segment: Segment,
        net_dims: tuple[int, ...],
        initial_log_std: float,
        portfolio_scale: float = 1.0,
        dropout: float = 0.0,
    ) -> "NetworkShape":
        """Return the shape that fits a segment."""
        _, tickers, ticker_features = segment.ticker_features.shape
        market_features, flat_features = segment.market_features.shape[1], segment.flat_features.shape[1]
        sizes = tickers, ticker_features, market_features, flat_features
        return cls(*sizes, net_dims, initial_log_std, portfolio_scale, dropout)

    def widths(self, architecture: Architecture) -> Widths:
        """Return an architecture's widths.

        ``shared`` reads a row per ticker: its features, the market's, cash and holding. Its layers run once per ticker,
        so that they are a quarter as wide as ``net_dims`` says. ``flat`` reads all numbers, cash and holdings at once.
        """
        if architecture == "flat":
            return Widths(1, self.flat_features + self.tickers + 1, self.net_dims)
        narrow = tuple(max(LEAST_WIDTH, width // SHARED_WIDTH_DIVISOR) for width in self.net_dims)
        return Widths(self.tickers, self.ticker_features + self.market_features + 2, narrow)
