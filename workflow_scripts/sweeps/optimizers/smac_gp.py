"""SMAC with its Gaussian process (Lindauer et al. 2022)."""

from workflow_scripts.sweeps.optimizers.smac import Smac


class SmacGP(Smac):
    """SMAC3's BlackBoxFacade, built anew for every round."""

    model = "gp"
