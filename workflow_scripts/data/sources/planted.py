"""A world with a signal to find."""

from pydantic import Field

from workflow_scripts.data.synthetic import Synthetic


class Planted(Synthetic):
    """Synthetic bars with a known signal."""

    signal_strength: float = Field(
        default=0.0015, ge=0, le=1, description="next day's expected return per unit of the signal"
    )

    @property
    def planted(self) -> bool:
        """Whether the bars hold a known signal."""
        return True

    def strength(self) -> float:
        """Return the next day's expected return per unit of the signal."""
        return self.signal_strength
