"""The third step of a run: write its files."""

import io
import logging
from pathlib import Path

import torch

from workflow_scripts.training.curves import write_curves
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.run.checkpoints import UNREADABLE, write_state
from workflow_scripts.training.run.judge import Judged
from workflow_scripts.training.run.runs import Outputs, Run
from workflow_scripts.training.run.train import Trained
from workflow_scripts.training.sharpe import write_result, write_returns
from workflow_scripts.training.weights import write_weights
from workflow_scripts.workflow.files import damaged, first_line, write_bytes


def write(
    run: Run, trained: Trained, judged: Judged, outputs: Outputs, log: logging.Logger, state: Path | None = None
) -> None:
    """Write a run's files; the state, for a run that continues this one, is that of the training's end."""
    agent, result = trained.agent, judged.result
    write_bytes(outputs.policy, policy_bytes(agent, run))
    if state is not None:
        if agent.snapshots:  # whatever the result, the training goes on from its end
            agent.act.load_state_dict(agent.snapshots[-1])
        write_state(state, agent, trained.env, trained.done)
    write_returns(judged.episode, outputs.returns, run.data.validation.periods_per_year)
    write_weights(judged.episode, run.data.tickers, outputs.weights)
    write_curves(agent.curves, outputs.curves)
    write_result(result, outputs.sharpe)
    log.info(
        f"status={result.status} sharpe={_shown(result.sharpe)} training_sharpe={_shown(result.training_sharpe)}"
        + (f" reason={result.reason!r}" if result.reason else "")
    )


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def policy_bytes(agent: TradingAgent, run: Run) -> bytes:
    """Return a policy file: the weights and what is needed to build their networks; equal policies, equal bytes."""
    content = io.BytesIO()
    torch.save(
        {
            "trial": run.trial.to_dict(),
            "architecture": run.training.architecture,
            "actor": {name: weight.cpu() for name, weight in agent.act.state_dict().items()},
            "critic": {name: weight.cpu() for name, weight in agent.cri.state_dict().items()},
        },
        content,
    )
    return content.getvalue()


def load_policy(agent: TradingAgent, path: Path) -> None:
    """Load a policy file's weights into an agent.

    Raises:
        ValueError: the file is damaged, or its networks have another shape.

    """
    try:
        content = torch.load(path, map_location=agent.device, weights_only=True)
        agent.act.load_state_dict(content["actor"])
        agent.cri.load_state_dict(content["critic"])
    except (KeyError, *UNREADABLE) as error:
        raise ValueError(damaged(path, first_line(error))) from error
