"""Optuna's Gaussian process (Ament et al. 2023)."""

from workflow_scripts.sweeps.optimizers.tpe import TPE


class OptunaGP(TPE):
    """A Gaussian process with log expected improvement in batches."""

    sampler = "gp"
