"""The agents by name: elegantrl's algorithms, with what they get wrong mended, and our own loop around them."""

from collections.abc import Mapping
from typing import Any

import torch

from workflow_scripts.data.folds import Segment
from workflow_scripts.training.off_policy import (
    DDPG,
    SAC,
    TD3,
    DDPGSettings,
    ModSAC,
    ModSACSettings,
    SACSettings,
    TD3Settings,
)
from workflow_scripts.training.on_policy import A2C, PPO, A2CSettings, PPOSettings
from workflow_scripts.training.trading_agent import Architecture, Hyperparameters, TradingAgent
from workflow_scripts.training.trading_env import EnvironmentSettings, TradingEnv

AGENTS: dict[str, tuple[type[TradingAgent], type[Hyperparameters]]] = {
    "ppo": (PPO, PPOSettings),
    "a2c": (A2C, A2CSettings),
    "sac": (SAC, SACSettings),
    "modsac": (ModSAC, ModSACSettings),
    "ddpg": (DDPG, DDPGSettings),
    "td3": (TD3, TD3Settings),
}


def make_agent(
    name: str,
    configuration: Mapping[str, Any],
    segment: Segment,
    env: TradingEnv,
    architecture: Architecture = "shared",
    initial_log_std: float = -0.5,
    seed: int = 0,
) -> TradingAgent:
    """Return an untrained agent.

    Raises:
        ValueError: the configuration cannot be trained.

    """
    agent, settings = AGENTS[name]
    return agent(segment, env, settings.of(configuration), architecture, initial_log_std, seed)


def make_env(
    segment: Segment,
    environment: EnvironmentSettings,
    architecture: Architecture,
    num_envs: int,
    seed: int = 0,
    device: str | torch.device = "cpu",
    random_start: bool = False,
) -> TradingEnv:
    """Return the environment of a segment, with the states that an architecture reads.

    Cash and holdings are shown as weights, but for ``flat`` with orders of shares as ElegantRL does. Its tanh of
    shares × 2^-10 is near 1 beyond 2000, which a target weight soon asks for: a critic would not see what is held.
    """
    return TradingEnv(
        segment.close,
        num_envs,
        environment,
        observe="shares" if architecture == "flat" and environment.action_mode == "shares" else "weights",
        seed=seed,
        device=device,
        random_start=random_start,
    )
