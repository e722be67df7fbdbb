"""A round's proposals: whichever optimizer chooses them, with what they start from and what they continue."""

from collections.abc import Sequence
from dataclasses import replace

from ConfigSpace import Configuration, ConfigurationSpace

from workflow_scripts.sweeps.history import Score, at_full_budget, identity, rank
from workflow_scripts.sweeps.optimizers.base import Optimizer, Proposal, Request
from workflow_scripts.sweeps.search_space import adapted, distinct, to_dict
from workflow_scripts.workflow.seeds import derive_seed


def choose(optimizer: Optimizer, request: Request, warm: Sequence[Score] = (), top: int = 0) -> list[Proposal]:
    """Return the trials of a round: their configurations, and the trials that they continue.

    Args:
        optimizer: what proposes.
        request: what the round is a function of.
        warm: trials of another sweep, whose best the first round starts from.
        top: how many of them.

    Raises:
        ValueError: no trial of the history has a score, or the optimizer proposes more or fewer than were planned.

    """
    proposals = optimizer.propose(request)
    if len(proposals) != request.size:
        raise ValueError(
            f"{type(optimizer).__name__} proposed {len(proposals)} trials for round {request.number}, which has "
            f"{request.size}: what schedule lays out, propose has to fill"
        )
    proposals = without_repeats(proposals, request)
    if optimizer.continues:
        proposals = [
            each if each.parent is not None else replace(each, parent=same_below(each.configuration, request))
            for each in proposals
        ]
    if warm and not request.history:
        start = [Proposal(configuration) for configuration in warm_start(request.space, warm, top)]
        others = proposals[len(start) :]
        new = [each for each in (*others, *proposals[: len(start)]) if each not in start]
        proposals = [*start, *new, *others][: request.size]
    return proposals


def without_repeats(proposals: Sequence[Proposal], request: Request) -> list[Proposal]:
    """Return the proposals of a round, with a new configuration in place of each that would only be judged again.

    A trial that goes on from another's training is no repeat of it. Sampled at random, the new one is the same for the
    same request.
    """
    seen = set(request.taken)
    kept: list[Proposal | None] = []
    for proposal in proposals:
        named = identity(to_dict(proposal.configuration))
        kept.append(None if proposal.parent is None and named in seen else proposal)
        seen.add(named)
    space = request.space
    space.seed(derive_seed(request.seed, "repeat", request.number))
    start = [proposal.configuration for proposal in kept if proposal]
    others = iter(distinct(space, iter(space.sample_configuration, None), len(proposals), start, seen)[len(start) :])
    return [proposal or Proposal(next(others)) for proposal in kept]


def warm_start(space: ConfigurationSpace, warm: Sequence[Score], top: int) -> list[Configuration]:
    """Return the default configuration and the ``top`` best of another sweep's trials, moved into the space.

    A hyperparameter that the other sweep does not have keeps its default; a number outside the bounds moves to them.
    """
    best = [score for score in rank(at_full_budget(warm)) if score.status == "ok"]
    start = [space.get_default_configuration()]
    for score in best:
        configuration = adapted(space, score.configuration)
        if configuration not in start and len(start) <= top:
            start.append(configuration)
    return start


def same_below(configuration: Configuration, request: Request) -> int | None:
    """Return the place of the trial on the rung below that had this configuration, and finished; none if there is none.

    What DEHB proposes on a higher rung may be new: it then starts anew.
    """
    if not request.is_promotion:
        return None
    values = to_dict(configuration)
    return next(
        (score.trial for score in request.last if score.status != "failed" and score.configuration == values), None
    )
