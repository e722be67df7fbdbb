"""What a job and its trainer say to each other, and which runs fit together."""

import io
import json
from dataclasses import asdict, dataclass
from typing import Any

import torch

from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.agents.kinds.off_policy import OffPolicy
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import Precision
from workflow_scripts.training.together.stack import Stack

STATE = "state"  # what a job says to have the state after the next round
TAKEN = ("taken", "")


@dataclass(frozen=True)
class Desk:
    """Which trainer it is.

    Attributes:
        device: its device as CUDA_VISIBLE_DEVICES names it, or cpu.
        place: its number among those that share the device.
        of: how many share it.
        precision: how it multiplies.
        together: how many runs it trains side by side; none: as many as its memory allows.

    """

    device: str
    place: int
    of: int
    precision: Precision
    together: int | None

    def to_json(self) -> str:
        """Return it as a word of a command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Request:
    """What a job asks for.

    Attributes:
        run: the run.
        state: the state to go on from, packed; none begins.
        done: vector steps done in it.

    """

    run: Run
    state: bytes | None
    done: int


def packed(state: dict[str, Any]) -> bytes:
    """Return a state as bytes; a tensor of a run is a row of many, of which only its own is kept."""
    content = io.BytesIO()
    torch.save(_on_cpu(state), content)
    return content.getvalue()


def unpacked(content: bytes, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return what was packed, on a device."""
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return state


def _on_cpu(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: _on_cpu(each) for key, each in value.items()}
    return [_on_cpu(each) for each in value] if isinstance(value, list) else value


def can_meet(run: Run) -> bool:
    """Return whether a run's agent can learn beside others: stacked networks have no dropout."""
    first = run.phases[0].agent
    fits = not isinstance(first, OffPolicy) or all(
        phase.agent.horizon_len <= first.buffer_size for phase in run.phases if isinstance(phase.agent, OffPolicy)
    )
    return first.stacked_learner() is not None and not first.dropout and fits


def kinship(request: Request) -> str:
    """Return what runs that train together have in common: all but their market's days, their seed and what varies."""
    run, window = request.run, request.run.data.train
    varies = set(stacked_learner(run.phases[0].agent).varies)
    return json.dumps(
        [
            type(run.phases[0].agent).__name__,
            [[phase.budget, phase.agent.model_dump(exclude=varies)] for phase in run.phases],
            request.done,
            asdict(NetworkShape.of(window, (), 0)),
            window.periods_per_year,  # by which interest a year becomes a day's
            run.environment.model_dump(),
            run.training.on_results(),
        ]
    )


def stacked_learner(agent: Agent) -> type[Stack]:
    """Return what learns for several runs by an agent's hyperparameters.

    Raises:
        ValueError: there is none.

    """
    learner = agent.stacked_learner()
    if learner is None:
        raise ValueError(f"{type(agent).__name__} does not learn beside others")
    return learner
