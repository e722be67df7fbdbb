"""The buffers of several runs as one."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from workflow_scripts.training.learners.off_policy import Replay
from workflow_scripts.training.together.rows import stacked


class StackedReplay:
    """Buffers of equal size; each run's own one is a view, and counts for itself."""

    def __init__(self, buffers: Sequence[Replay]):
        self.buffers, first = buffers, buffers[0]
        self.num_envs, device = first.num_envs, first.rows["rewards"].device
        self.rows = {name: stacked([buffer.rows[name] for buffer in buffers]) for name in first.rows}
        for name, rows in self.rows.items():
            for buffer, row in zip(buffers, rows, strict=True):
                buffer.rows[name] = row[: len(buffer.rows[name])]
        self.runs = torch.arange(len(buffers), device=device)[:, None]

    def add(self, states: Tensor, actions: Tensor, rewards: Tensor, finals: Mapping[tuple[int, int], Tensor]) -> None:
        """Add a round of every run, as ``Replay.add`` adds its vector steps.

        Args:
            states: (runs, steps + 1, num_envs, …); after a step that ended an episode, the next one's first state.
            actions: (runs, steps, num_envs, …).
            rewards: (runs, steps, num_envs).
            finals: by run and step, the state (num_envs, …) that ended an episode.

        """
        device, steps = rewards.device, rewards.shape[1]
        for run, buffer in enumerate(self.buffers):
            places = [(buffer.added + step) % buffer.size for step in range(steps)]
            starts, sources, written = [], [], buffer.written
            for step in range(steps):
                if not buffer.follows:
                    sources.append(states[run, step])
                starts.append(written + len(sources) - 1)
                sources.append(finals.get((run, step), states[run, step + 1]))
                buffer.follows = (run, step) not in finals
            capacity = len(buffer.rows["days"])
            of_states = torch.arange(written, written + len(sources), device=device) % capacity
            seen = torch.stack(sources)
            buffer.rows["portfolios"][of_states], buffer.rows["days"][of_states] = seen[:, :, 1:], seen[:, 0, 0].long()
            of_steps = torch.tensor(places, device=device)
            buffer.rows["starts"][of_steps] = torch.tensor(starts, device=device) % capacity
            buffer.rows["actions"][of_steps], buffer.rows["rewards"][of_steps] = actions[run], rewards[run]
            buffer.written += len(sources)
            buffer.added += steps

    def take(self, drawn: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return what ``Replay.sample`` does, (runs, batch, …), at places that ``Replay.draw`` returned."""
        step, env = drawn // self.num_envs, drawn % self.num_envs
        actions, returns = (self.rows[name][self.runs, step, env] for name in ("actions", "returns"))
        state, after = (self._states(self.rows[name][self.runs, step], env) for name in ("starts", "ends"))
        return state, actions, returns, self.rows["discounts"][self.runs, step], after

    def _states(self, rows: Tensor, env: Tensor) -> Tensor:
        days = self.rows["days"][self.runs, rows, None].float()
        return torch.cat([days, self.rows["portfolios"][self.runs, rows, env]], dim=2)
