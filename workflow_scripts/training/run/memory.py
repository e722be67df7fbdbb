"""How much memory a training takes on its device, from sizes that are known before it starts. No torch here."""

from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.agents.kinds.off_policy import OffPolicy
from workflow_scripts.training.networks.shape import Architecture, NetworkShape

FLOAT = 4
GIB = 1 << 30
# CUDA's context, torch's kernels and cuBLAS's workspaces: what a process with a run of a few MB takes of an H200, under
# CUDA 13; more or less by card and driver.
CONTEXT_BYTES = 950 << 20
# Forward, backward and their gradients hold a batch's activations about this often.
UPDATE_COPIES = 3
# Rewards, values, advantages, returns, probabilities, and what is computed on the way from one to the other.
NUMBERS_PER_STEP = 12


def training_bytes(settings: Agent, shape: NetworkShape, architecture: Architecture, num_envs: int, budget: int) -> int:
    """Return about how many bytes a training takes beside CUDA's context.

    On-policy: a rollout, its noise, and some numbers per step that become advantages. Off-policy: the buffer, twice,
    since a checkpoint copies it. Both: the activations of an update's batch and of a vector step.
    """
    rows, inputs, hidden = shape.widths(architecture)
    batch = settings.batch_size * 2 * rows * (inputs + sum(hidden)) * UPDATE_COPIES
    step = 2 * num_envs * rows * hidden[0]
    if isinstance(settings, OffPolicy):
        kept = 2 * settings.buffer_size * num_envs * (shape.tickers + 1 + shape.tickers + 1)
    else:
        kept = min(settings.horizon_len, budget) * num_envs * (2 + 3 * shape.tickers + NUMBERS_PER_STEP)
    return FLOAT * (kept + step + batch)


def memory_shortage(
    settings: Agent,
    shape: NetworkShape,
    architecture: Architecture,
    num_envs: int,
    budget: int,
    available: int | None,
) -> str | None:
    """Return why a training cannot fit into the bytes that its run may take; none where it can, or nobody knows."""
    needed = CONTEXT_BYTES + training_bytes(settings, shape, architecture, num_envs, budget)
    if available is None or needed <= available:
        return None
    name = "buffer_size" if isinstance(settings, OffPolicy) else "horizon_len"
    return (
        f"out of memory before the start: num_envs {num_envs} × {name} {getattr(settings, name)} × "
        f"{shape.tickers} tickers with net_dims {', '.join(map(str, shape.net_dims))} take about "
        f"{needed / GIB:.1f} GiB, and this run may take {available / GIB:.1f} GiB (the GPU's, over runs_per_gpu): "
        f"lower training.num_envs, {name} or training.runs_per_gpu"
    )
