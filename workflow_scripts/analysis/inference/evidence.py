"""Evidence that stays valid however often the same days are opened."""

import math
import sys

LARGEST = math.log(sys.float_info.max)


def always_valid_e_value(z: float, prior_variance: float = 1.0) -> float:
    """Return the e-value of a z-score: the likelihood ratio of a normal mixture of effects to none.

    Robbins (1970), "Statistical Methods Related to the Law of the Iterated Logarithm": (1 + g)^−½ exp(g z² / 2(1 + g)).
    Without an effect the e-value exceeds 1/α at any time with probability α at most (Ville), however often one looks.
    One beyond the largest number that a float holds, of a z-score above 53, is that number.

    Args:
        z: estimate divided by its standard error.
        prior_variance: g, variance of the effects mixed over, in units of the squared standard error.

    Raises:
        ValueError: a prior variance of zero or less.

    """
    if prior_variance <= 0:
        raise ValueError(f"a mixture over effects needs a variance above 0, not {prior_variance}")
    return math.exp(min(prior_variance * z**2 / (2 * (1 + prior_variance)), LARGEST)) / math.sqrt(1 + prior_variance)


def always_valid_p_value(e_value: float) -> float:
    """Return the p-value that an e-value stands for: min(1, 1/E)."""
    return min(1.0, 1 / e_value)
