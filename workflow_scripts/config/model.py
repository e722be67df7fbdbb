"""config.yaml: what each key means, and all that a workflow needs to know of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, model_validator

from workflow_scripts.config.controls import (
    TARGET,
    Control,
    Controls,
    chosen_sweep,
    control_values,
    listed,
    refuse_names_of_controls,
)
from workflow_scripts.config.spaces import Space, default_configuration, extent, find_space, read_space
from workflow_scripts.config.windows import cut_windows, refuse_names_of_windows
from workflow_scripts.data.periods import DAILY
from workflow_scripts.data.settings import IN_DAYS, Day, FeatureSettings, FoldSettings
from workflow_scripts.data.sources.base import SOURCES, Source
from workflow_scripts.sweeps import objectives
from workflow_scripts.sweeps.history import Identity, identity
from workflow_scripts.sweeps.optimizers.base import MOST_STEPS, Optimizer, Round, pairs
from workflow_scripts.sweeps.optimizers.base import PACKAGE as OPTIMIZERS
from workflow_scripts.training.accounts import OrderSettings
from workflow_scripts.training.agents.base import PACKAGE as AGENTS
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.environment.settings import DEAD_ZONE, EnvironmentSettings
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.workflow import registry
from workflow_scripts.workflow.model import SettingError, Settings, shown_number, unknown_key
from workflow_scripts.workflow.paths import NAME, of_window

# What a market may have of its own; null or absent takes the environment's.
MARKETS_OWN = ("cost_pct", "sell_tax_pct", "min_fee", "lot_size", "initial_cash")
Seed = Annotated[int, Field(ge=0, lt=2**32)]
MOST_RUNS = 10**6
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Kind = TypeVar("Kind")


class Seeds(Settings):
    """Seeds of the runs; every configuration gets the same ones."""

    tuning: tuple[Seed, ...] = Field(
        default=(0, 1), min_length=1, description="seeds that judge a trial during the sweep"
    )
    final: tuple[Seed, ...] = Field(
        default=(100, 101, 102, 103, 104),
        min_length=2,
        description="seeds of the sealed backtest, two or more; none may be a tuning seed",
    )

    @model_validator(mode="after")
    def _differ(self) -> Self:
        for key, seeds in (("tuning", self.tuning), ("final", self.final)):
            if len(set(seeds)) < len(seeds):
                raise SettingError((key,), f"{list(seeds)} names a seed twice")
        if shared := sorted(set(self.tuning) & set(self.final)):
            raise SettingError((), f"{shared} are both tuning and final seeds; the backtest needs unseen ones")
        return self


class WarmStart(Settings):
    """A sweep of the same agent, on this or another market, whose best trials the first round starts from."""

    sweep: str | None = Field(default=None, description="its name; null starts from nothing")
    top: int = Field(
        default=3, ge=1, le=1000, description="how many of its best trials, behind the default configuration"
    )

    @model_validator(mode="after")
    def _names_a_sweep(self) -> Self:
        if self.sweep is None and self.top != WarmStart.model_fields["top"].default:
            raise SettingError(("top",), "is not read without warm_start.sweep: name the sweep to start from")
        return self


class Backtest(Settings):
    """The sealed backtest on the test days."""

    top: int = Field(
        default=3, ge=1, le=1000, description="best configurations to train anew beside the default configuration"
    )
    budget: int | None = Field(
        default=None,
        ge=1,
        le=MOST_STEPS,
        description="vector steps that the backtest's trainings get; null takes the sweep's budget",
    )
    ensemble: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="final seeds whose mean action trades as one: with 2 or more the verdict judges ensembles, of the "
        "tuned and of the default configuration, in place of single seeds",
    )
    resamples: int = Field(
        default=2000, ge=100, le=10**6, description="bootstrap resamples behind each interval of the verdict"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="coverage of the intervals")


class SealedDays(Settings):
    """The test days."""

    windows: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="windows into which the days from `test_start` to the market's `end` are cut, of about equal "
        "length; the sweep is repeated before each of them, and one verdict judges their returns together",
    )


class Importance(Settings):
    """Hyperparameter importance."""

    resamples: int = Field(
        default=20,
        ge=2,
        le=10_000,
        description="bootstraps over trials, folds and seeds that give each importance its spread",
    )
    permutations: int = Field(
        default=39, ge=19, le=10_000, description="times that scores are shuffled among trials, to see what luck shows"
    )


class MarketKeys(Settings):
    """What a market has beside the keys of its source, and fees, lots and cash of its own."""

    test_start: Day = Field(description="first test day (YYYY-MM-DD); no sweep reads a day from it on")


class SweepKeys(Settings):
    """What every sweep has; its optimizer adds keys of its own."""

    agent: str = Field(description="the algorithm, or `module:Class` for your own")
    market: str = Field(description="name of a market")
    search_space: str | None = Field(
        default=None,
        description="a file of hyperparameters: its path, or its name in `search_spaces/`; null takes the agent's",
    )
    optimizer: str = Field(
        default="smac", description="what proposes the configurations, or `module:Class` for your own"
    )
    objective: str = Field(default="sharpe", description="what a run's value is, or `module:function` for your own")
    rounds: int = Field(
        default=3, ge=1, le=10_000, description="rounds of propose, train, score; with Hyperband one rung per round"
    )
    seed: Seed = Field(default=0, description="seed of the proposals")
    warm_start: WarmStart = Field(default=WarmStart(), description=str(WarmStart.__doc__))
    proposal_minutes: float = Field(
        default=30.0, gt=0, le=1440, description="wall minutes after which the proposal of a round is given up"
    )


class TopLevel(Settings):
    """config.yaml's outermost keys."""

    markets: dict[Name, dict[str, Any]] = Field(min_length=1, description="the markets by name")
    folds: FoldSettings = Field(
        default=FoldSettings(),
        description="folds of the days before test_start: walk-forward ones, in days (`count`, …) or in fractions "
        "(`n_folds`, …), or combinatorial ones (`scheme`, …)",
    )
    features: FeatureSettings = Field(default=FeatureSettings(), description="features of every market")
    environment: EnvironmentSettings = Field(
        default=EnvironmentSettings(),
        description="how an action becomes trades, the same in training, validation and backtest",
    )
    training: TrainingSettings = Field(default=TrainingSettings(), description="what every run has in common")
    seeds: Seeds = Field(default=Seeds(), description=str(Seeds.__doc__))
    sweeps: dict[Name, dict[str, Any]] = Field(min_length=1, description="the sweeps by name")
    test: SealedDays = Field(default=SealedDays(), description=str(SealedDays.__doc__))
    backtest: Backtest = Field(default=Backtest(), description=str(Backtest.__doc__))
    importance: Importance = Field(default=Importance(), description=str(Importance.__doc__))
    orders: OrderSettings = Field(default=OrderSettings(), description=str(OrderSettings.__doc__))
    anyway: bool = Field(default=False, description="write orders though the verdict shows no skill")
    controls: Controls = Field(default=Controls(), description=str(Controls.__doc__))
    replay: bool = Field(
        default=False, description="propose every round again instead of keeping the rounds that stand in results/"
    )
    refresh: bool = Field(
        default=False, description="download the vendors' markets anew; a fold whose bytes stay the same reruns nothing"
    )


@dataclass(frozen=True)
class Market:
    """A market: where its bars come from, when its test days begin and end, and how one trades on it.

    Attributes:
        source: where its bars come from.
        test_start: first test day.
        environment: how an action becomes trades.
        test_stop: the first day after the test days; none where they end with the market.

    """

    source: Source
    test_start: str
    environment: EnvironmentSettings
    test_stop: str | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep: one optimizer tuning one agent on one market.

    Attributes:
        keys: what every sweep has.
        agent: the agent's hyperparameters, a class.
        optimizer: what proposes, with its own settings.
        space: the search space.
        runs: how many (fold, seed) pairs judge a trial at full budget.
        test_start: first day of the window of the test days that the sweep precedes; none where there is one window.
        control: the law of its market, where that is a control.

    """

    keys: SweepKeys
    agent: type[Agent]
    optimizer: Optimizer
    space: Space
    runs: int
    test_start: str | None = None
    control: Mapping[str, Any] | None = None

    @cached_property
    def schedule(self) -> list[Round]:
        """The rounds of the sweep."""
        return self.optimizer.schedule(self.keys.rounds, self.runs)

    @property
    def trials(self) -> int:
        """How many trials all rounds have."""
        return sum(round_.size for round_ in self.schedule)

    @property
    def continued_rounds(self) -> int:
        """In how many rounds, from the first, trials go on from the round before."""
        return self.optimizer.continued_rounds(self.schedule)

    @property
    def default(self) -> dict[str, Any]:
        """The default configuration."""
        return default_configuration(self.space)

    def goes_on(self, number: int, pair: tuple[int, int], pairs: Sequence[tuple[int, int]]) -> bool:
        """Return whether runs of a round with this fold and seed may continue runs of the round before."""
        if not number:
            return False
        before, now = self.schedule[number - 1 : number + 1]
        return now.fidelity > before.fidelity and pair in pairs[: before.runs]

    def decisions(self) -> dict[str, Any]:
        """Return what the sweep's proposals depend on, as a round's manifest keeps it; the number of rounds is no part.

        An objective other than the Sharpe ratio is named: proposals rest on the values that it makes.
        """
        keys = self.keys
        asked = {"agent": keys.agent, "market": keys.market, "optimizer": keys.optimizer, "seed": keys.seed}
        asked |= self.optimizer.decisions(self.runs)
        if keys.warm_start.sweep is not None:
            asked["warm_start"] = keys.warm_start.model_dump()
        if keys.objective != "sharpe":
            asked["objective"] = keys.objective
        if self.test_start is not None:
            asked["test_start"] = self.test_start
        if self.control is not None:
            asked["control"] = dict(self.control)
        return {**asked, "search_space": {name: entry.spelled() for name, entry in self.space.items()}}


@dataclass(frozen=True)
class Config:
    """config.yaml, read and checked.

    Attributes:
        top: the outermost keys.
        markets: the markets by name; with several windows of the test days, each window's as well.
        sweeps: the sweeps by name; with several windows, those of each window in place of the whole.
        judged: for each sweep of config.yaml those that its verdict judges: itself, or those of its windows in turn.
        controls: the controls that the sweeps run on; none of the user's own sweeps.

    """

    top: TopLevel
    markets: dict[str, Market]
    sweeps: dict[str, Sweep]
    judged: dict[str, list[str]]
    controls: Sequence[Control] = ()

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The (fold, seed) pairs in the order in which they judge a trial: all folds with the first seed first."""
        return pairs(range(self.top.folds.number), self.top.seeds.tuning)


def read_config(values: Mapping[str, Any]) -> Config:
    """Return config.yaml's settings.

    Args:
        values: what the file spells.

    Raises:
        SettingError: a key or value is wrong, in itself or beside others; one line that names it and the remedy.

    """
    read = _read(values)
    refuse_names_of_controls("markets", read.top.markets)
    refuse_names_of_controls("sweeps", read.top.sweeps)
    return read


def _read(values: Mapping[str, Any]) -> Config:
    if not isinstance(values, Mapping):
        raise ValueError("it holds no settings: a key and its value stand on a line, as in markets: {…}")
    top = TopLevel.of(values)
    with _below("folds"):
        top.folds.require_look_back(top.features.turbulence_days)
    refuse_names_of_windows("markets", top.markets)
    refuse_names_of_windows("sweeps", top.sweeps)
    runs = top.folds.number * len(top.seeds.tuning)
    markets: dict[str, Market] = {}
    sweeps: dict[str, Sweep] = {}
    for name, keys in top.markets.items():
        with _below("markets", name):
            markets[name] = _market(keys, top.environment)
    for name, keys in top.sweeps.items():
        with _below("sweeps", name):
            sweeps[name] = _sweep(keys, markets, runs)
    for name, sweep in sweeps.items():
        with _below("sweeps"):
            _check_warm_start(name, sweeps)
        if top.backtest.top > (distinct := sweep.optimizer.needs(sweep.schedule)):
            raise SettingError(
                ("backtest", "top"),
                f"{top.backtest.top} ranks need as many configurations, and sweep {name} is sure of {distinct}: lower "
                "it, or raise the sweep's rounds or round_size",
            )
    if left := len(top.seeds.final) % top.backtest.ensemble:
        raise SettingError(
            ("backtest", "ensemble"),
            f"{len(top.seeds.final)} final seeds do not make ensembles of {top.backtest.ensemble}: name "
            f"{top.backtest.ensemble - left} more in seeds.final, or {left} fewer",
        )
    if top.orders.sweep is not None and top.orders.sweep not in sweeps:
        there = ", ".join(sorted(sweeps))
        raise SettingError(("orders", "sweep"), f"{top.orders.sweep!r} is not among the sweeps: {there}")
    if top.test.windows > 1:
        return _before_each_window(top, markets, sweeps)
    return Config(top, markets, sweeps, {name: [name] for name in sweeps})


def read_controls(values: Mapping[str, Any]) -> Config:
    """Return the settings of the controls: config.yaml's, but that a sweep runs on every market of known truth.

    The market of that sweep stays among the markets, since controls are made of its days.

    Raises:
        SettingError: a key or value is wrong; or the sweep that controls repeat cannot be repeated.

    """
    own = read_config(values)
    controls = own.top.controls
    name = chosen_sweep(values, controls)
    market = values["sweeps"][name]["market"]
    if own.markets[market].source.bar != DAILY:
        raise SettingError((TARGET, "sweep"), f"the bars of its market {market} are shorter than a day: take another")
    seeds = {
        key: list(have[:count])
        for key, have, count in (
            ("tuning", own.top.seeds.tuning, controls.tuning_seeds),
            ("final", own.top.seeds.final, controls.final_seeds),
        )
    }
    kept = ("end", "periods_per_year", *MarketKeys.model_fields, *MARKETS_OWN)
    with _below(TARGET):
        read = _read({**control_values(values, controls, kept), "seeds": seeds})
    sweeps = {
        name: replace(sweep, control=read.markets[sweep.keys.market].source.settings())
        for name, sweep in read.sweeps.items()
    }
    markets = {**read.markets, market: own.markets[market]}
    return replace(read, markets=markets, sweeps=sweeps, controls=listed(controls))


def _before_each_window(top: TopLevel, markets: Mapping[str, Market], sweeps: Mapping[str, Sweep]) -> Config:
    """Return the settings with a market and a sweep for each window of the test days.

    Raises:
        SettingError: folds would be the same before each window, or test days have no end, or too few days.

    """
    count = top.test.windows
    if top.folds.form is IN_DAYS and top.folds.anchor == "start":
        raise SettingError(
            ("folds", "anchor"),
            f"start cuts the same folds before each of {count} windows of the test days (test.windows): take end, "
            "which cuts them backwards from the window",
        )
    cut = {}
    for name in sorted({sweep.keys.market for sweep in sweeps.values()}):
        market = markets[name]
        if market.source.end is None:
            raise SettingError(
                ("markets", name, "end"),
                f"is required with {count} windows of the test days (test.windows), which days that are appended would "
                "move: name the last test day",
            )
        cut[name] = cut_windows(market.test_start, market.source.end, count)
    of_windows = {
        of_window(name, number): replace(markets[name], test_start=window.first_day, test_stop=window.stop)
        for name, windows in cut.items()
        for number, window in enumerate(windows)
    }
    made, judged = {}, {}
    for name, sweep in sweeps.items():
        judged[name] = [of_window(name, number) for number in range(count)]
        for number, own in enumerate(judged[name]):
            keys: dict[str, Any] = {"market": of_window(sweep.keys.market, number)}
            if (source := sweep.keys.warm_start.sweep) is not None:
                start = sweep.keys.warm_start.model_copy(update={"sweep": of_window(source, number)})
                keys["warm_start"] = start
            test_start = of_windows[keys["market"]].test_start
            made[own] = replace(sweep, keys=sweep.keys.model_copy(update=keys), test_start=test_start)
    return Config(top, {**markets, **of_windows}, made, judged)


@contextmanager
def _below(*path: str | int) -> Iterator[None]:
    """Let an error of the block say below which keys it stands."""
    try:
        yield
    except SettingError as error:
        raise error.below(*path) from None


def _find(key: str, package: str, name: str, kind: type[Kind]) -> type[Kind]:
    try:
        found = registry.find(package, name, kind)
    except ValueError as error:
        raise SettingError((key,), str(error)) from None
    if missing := getattr(found, "__abstractmethods__", None):
        raise SettingError((key,), f"{name} lacks {' and '.join(sorted(missing))}, which each {key} defines for itself")
    return found


def _market(keys: Mapping[str, Any], environment: EnvironmentSettings) -> Market:
    if "source" not in keys:
        raise SettingError(("source",), f"is required: one of {', '.join(registry.names(SOURCES))}")
    source = _find("source", SOURCES, str(keys["source"]), Source)
    own = {key: keys[key] for key in MARKETS_OWN if keys.get(key) is not None}
    of_market = {key: value for key, value in keys.items() if key in MarketKeys.model_fields}
    of_source = {key: value for key, value in keys.items() if key not in (*MARKETS_OWN, *of_market)}
    known = [*MarketKeys.model_fields, *MARKETS_OWN, *source.model_fields]
    _refuse_unknown(keys, known, f"source {keys['source']}", SOURCES, Source)
    market = Market(
        source.of(of_source),
        MarketKeys.of(of_market).test_start,
        EnvironmentSettings.of({**environment.model_dump(), **own}),
    )
    for key, day, follows in (("start", market.source.start, False), ("end", market.source.end, True)):
        if day is not None and (day <= market.test_start) == follows:
            raise SettingError(
                (key,), f"{day} is not {'after' if follows else 'before'} test_start {market.test_start}"
            )
    lot, scale = market.environment.lot, market.environment.action_scale
    if market.environment.action_mode == "shares" and scale < DEAD_ZONE:
        reason = f"the largest action, {scale:g}, is less than {DEAD_ZONE:g}, below which none orders"
        raise SettingError(("action_scale",), f"{reason}: no order would ever fill")
    if market.environment.action_mode == "shares" and (most := market.environment.max_stock * scale) < lot:
        raise SettingError(
            ("lot_size",),
            f"the largest order of {most:g} shares (environment.max_stock × action_scale) is less than a lot of {lot}: "
            f"no order would ever fill",
        )
    return market


def _sweep(keys: Mapping[str, Any], markets: Mapping[str, Market], runs: int) -> Sweep:
    name = str(keys.get("optimizer", SweepKeys.model_fields["optimizer"].default))
    optimizer = _find("optimizer", OPTIMIZERS, name, Optimizer)
    _refuse_unknown(
        keys, [*SweepKeys.model_fields, *optimizer.model_fields], f"optimizer {name}", OPTIMIZERS, Optimizer
    )
    common = SweepKeys.of({key: value for key, value in keys.items() if key in SweepKeys.model_fields})
    if common.market not in markets:
        raise SettingError(("market",), f"{common.market!r} is not among the markets: {', '.join(sorted(markets))}")
    agent = _find("agent", AGENTS, common.agent, Agent)
    chosen = optimizer.of({key: value for key, value in keys.items() if key not in SweepKeys.model_fields})
    chosen.check(common.rounds, runs)
    try:
        needs = objectives.find(common.objective).least_runs
        file = find_space(common.search_space or common.agent)
    except ValueError as error:
        raise SettingError(("objective",), str(error)) from None
    except FileNotFoundError as error:
        raise SettingError(("search_space",), str(error)) from None
    try:
        space = read_space(file, agent)
    except SettingError as error:
        raise SettingError(error.path, error.reason, str(file)) from None
    except ValueError as error:
        raise SettingError((), str(error), str(file)) from None
    if written := getattr(chosen, "configurations", ()):
        chosen = chosen.model_copy(update={"configurations": _written(written, space, agent)})
    sweep = Sweep(common, agent, chosen, space, runs)
    if (fewest := min(round_.runs for round_ in sweep.schedule)) < needs:
        raise SettingError(
            ("objective",),
            f"{common.objective} needs {needs} runs of a trial, and some trials have {fewest}: raise folds.count, "
            "seeds.tuning or min_runs, or name another objective",
        )
    _check_size(sweep, str(file))
    return sweep


def _written(configurations: Sequence[Mapping[str, Any]], space: Space, agent: type[Agent]) -> list[dict[str, Any]]:
    """Return the configurations that the user wrote down, with their values as the search space has them.

    Raises:
        SettingError: the space does not have one, it leaves no update, or it is another's twin.

    """
    read: list[dict[str, Any]] = []
    places: dict[Identity, int] = {}
    for place, configuration in enumerate(configurations):
        with _below("configurations", place):
            read.append({name: _value(name, value, space, agent) for name, value in configuration.items()})
            whole = {**default_configuration(space), **read[-1]}
            agent.of(whole)
            if (first := places.setdefault(identity(whole), place)) != place:
                raise SettingError((), f"is configuration {first} again, which would be judged twice")
    return read


def _value(name: str, value: Any, space: Space, agent: type[Agent]) -> Any:
    if name not in space:
        raise unknown_key((name,), space)
    taken = agent.value_of(name, value)
    with _below(name):
        return space[name].taken(taken)


def _check_size(sweep: Sweep, file: str) -> None:
    """Check that a sweep's rounds are not more than a machine can plan, nor more than its search space can fill.

    Raises:
        SettingError: they are; says both numbers.

    """
    runs = sum(round_.size * round_.runs for round_ in sweep.schedule)
    if runs > MOST_RUNS:
        raise SettingError(
            ("rounds",),
            f"{sweep.trials} trials with {runs} runs are more than the {shown_number(MOST_RUNS)} that Snakemake can "
            "plan",
        )
    longest = max(round_.budget for round_ in sweep.schedule)
    if longest > MOST_STEPS:
        raise SettingError(("rounds",), f"{longest} vector steps of a run are not ≤ {shown_number(MOST_STEPS)}")
    needed, fixed = (
        sweep.optimizer.needs(sweep.schedule),
        sweep.agent.fixed if sweep.optimizer.changes_trainings else (),
    )
    found = extent(sweep.space, sweep.agent, fixed)
    if found.points < needed:
        which = f"that change during a training ({', '.join(fixed)} do not)" if fixed else "that leave an update"
        raise SettingError(
            ("search_space",),
            f"the rounds need {needed} configurations that differ, and {file} has {found} {which}: "
            "lower rounds or round_size, or widen the space",
        )


def _refuse_unknown(keys: Mapping[str, Any], known: list[str], who: str, package: str, kind: type[Any]) -> None:
    """Refuse a key that nobody reads, and say who does, where another of the kind does."""
    for key in keys:
        if key in known:
            continue
        others = [name for name in registry.names(package) if key in registry.find(package, name, kind).model_fields]
        if others:
            raise SettingError((str(key),), f"{who} does not read it; {', '.join(others)} would")
        raise unknown_key((str(key),), dict.fromkeys(known))


def _check_warm_start(name: str, sweeps: Mapping[str, Sweep]) -> None:
    chain, sweep = [name], sweeps[name]
    while (source := sweep.keys.warm_start.sweep) is not None:
        if source not in sweeps or source in chain:
            raise SettingError(
                (chain[-1], "warm_start"),
                f"{source!r} is no other sweep that ends before it; "
                f"there are {', '.join(sorted(set(sweeps) - set(chain))) or 'none'}",
            )
        if sweeps[source].keys.agent != sweep.keys.agent:
            raise SettingError(
                (chain[-1], "warm_start"),
                f"{source} tunes {sweeps[source].keys.agent}, and this sweep {sweep.keys.agent}",
            )
        if not sweep.optimizer.takes_warm_start:
            raise SettingError(
                (chain[-1], "warm_start"),
                f"optimizer {sweep.keys.optimizer} judges what is listed, and a warm start would take its places",
            )
        top, places = sweep.keys.warm_start.top, sweep.schedule[0].size
        if places <= top:
            raise SettingError(
                (chain[-1], "warm_start"),
                f"the default configuration and the best {top} of {source} need {top + 1} places, "
                f"and the first round of {chain[-1]} has {places}",
            )
        chain.append(source)
        sweep = sweeps[source]
