"""In which order trials train, where more of them could than there is room for."""

from collections.abc import Mapping, Sequence

from workflow_scripts.sweeps.cost import Batch


def turns(sweeps: Mapping[str, Sequence[Batch]]) -> dict[tuple[str, int, int], int]:
    """Return the place of each trial, by sweep, round and trial: 0 trains first.

    The next round is that of the sweep with the smallest share of its vector steps before it. So sweeps go side by side
    and end together, whatever their rounds are. Of equal shares the sweep that is named first goes first. The trials of
    a round keep their order, so that one is scored while others of its round still train.

    Args:
        sweeps: the rounds of each sweep.

    """
    rounds = []
    for place, (name, batches) in enumerate(sweeps.items()):
        steps = [batch.runs * batch.steps for batch in batches]
        rounds += [
            (sum(steps[:number]) / sum(steps), place, name, number, batch.trials)
            for number, batch in enumerate(batches)
        ]
    order = [(name, number, trial) for _, _, name, number, trials in sorted(rounds) for trial in range(trials)]
    return {trial: place for place, trial in enumerate(order)}
