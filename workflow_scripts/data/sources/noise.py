"""A world with nothing to find."""

from workflow_scripts.data.synthetic import Synthetic


class Noise(Synthetic):
    """Synthetic bars without a signal: the column is there, and means nothing."""
