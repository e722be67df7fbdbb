"""What config.yaml must satisfy beyond its schema, and how its settings become a job's flags."""

import shlex
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from workflow_scripts.workflow.schedule import HYPERBAND, POPULATION, Round, continues, rung_count, schedule

Settings = Mapping[str, Any]

_DAYS = ("source", "start", "end", "tickers", "universe", "missing")
MARKET_KEYS = {
    "alpaca": (*_DAYS, "feed", "volatility_ticker"),
    "yahoo": (*_DAYS, "volatility_ticker"),
    "embedded": _DAYS,
    "csv": (*_DAYS, "path", "volatility_ticker"),
    "planted": ("source", "ticker_count", "days", "signal_strength", "half_life_days", "noise_sd", "seed"),
    "null": ("source", "ticker_count", "days", "half_life_days", "noise_sd", "seed"),
}
VENDORS = ("alpaca", "yahoo")
TICKER_LISTS = ("dow28",)
# What volatility_ticker: auto stands for. Alpaca has no indices: VIXY is a fund that holds futures on the VIX.
VOLATILITY_TICKERS = {"alpaca": "VIXY", "yahoo": "^VIX"}

_COMMON = {"learning_rate": 3e-4, "gamma": 0.985, "net_dims_0": 256, "net_dims_1": 128}
_A2C = _COMMON | {"learning_rate": 2e-3, "batch_size": 512, "horizon_len": 16, "repeat_times": 32}
_A2C |= {"lambda_gae_adv": 0.95, "lambda_entropy": 0.01}
_PPO = _A2C | {"learning_rate": 3e-4, "horizon_len": 512, "repeat_times": 16, "ratio_clip": 0.25}
_OFF = _COMMON | {"batch_size": 256, "horizon_len": 64, "repeat_times": 0.5}
_OFF |= {"buffer_size": 8192, "soft_update_tau": 0.005}
_SAC = _OFF | {"alpha": 0.01, "target_entropy": -1.0}
_DDPG = _OFF | {"explore_noise_std": 0.3}
# What each agent's training reads, with its defaults.
HYPERPARAMETERS: dict[str, dict[str, float]] = {
    "ppo": _PPO,
    "a2c": _A2C,
    "sac": _SAC,
    "modsac": _SAC | {"reliable_tau": 0.005},
    "ddpg": _DDPG,
    "td3": _DDPG | {"policy_noise_std": 0.2, "update_freq": 2},
}
ON_POLICY = ("ppo", "a2c")
# What the proposals of each optimizer depend on beside agent, market, budget and seed.
OPTIMIZERS = {
    "smac": ("round_size", "initial_design"),
    "smac_gp": ("round_size", "initial_design"),
    "smac_hyperband": ("eta", "initial_design"),
    "dehb": ("eta",),
    "pbt": ("round_size", "interval", "quantile"),
    "pb2": ("round_size", "interval", "quantile"),
    "tpe": ("round_size", "initial_design"),
    "optuna_gp": ("round_size", "initial_design"),
    "random": ("round_size",),
    "manual": ("round_size", "configurations"),
}


def explain(path: Iterable[str | int], message: str, remedy: str = "") -> str:
    """Return one line that names a key of config.yaml, what is wrong with it and where to look."""
    key = ".".join(str(part) for part in path) or "the top level"
    hint = ""
    if "is not of type 'number'" in message:
        hint = " (in YAML write 1.0e-5, not 1e-5, which is read as text)"
    if key.startswith("markets.") and ".tickers" in key and "is not of type 'string'" in message:
        hint = " (put tickers of digits in quotes)"
    return f"config.yaml, {key}: {message}{hint}{remedy or '; README.md lists every key with its meaning'}"


def check_settings(config: Settings) -> None:
    """Check what a JSON schema cannot say.

    Raises:
        ValueError: one line that names the key, the numbers and the remedy.

    """
    for name, market in config["markets"].items():
        _check_market(name, market)
        _check_orders(name, environment_settings(config, name))
    for name, space in config["search_spaces"].items():
        for hyperparameter, entry in space.items():
            _check_hyperparameter(f"search_spaces.{name}.{hyperparameter}", entry)
    for name, sweep in config["sweeps"].items():
        for key, known in (("market", config["markets"]), ("search_space", config["search_spaces"])):
            value = sweep[key] or sweep["agent"]
            if value not in known:
                raise ValueError(
                    f"config.yaml, sweeps.{name}.{key}: {value!r} is not among the {key}s: {', '.join(sorted(known))}"
                )
        _check_schedule(name, sweep, runs_of_a_trial(config))
        _check_warm_start(name, config)
        _check_agents_space(sweep["search_space"] or sweep["agent"], sweep["agent"], search_space(config, name))
    shared = sorted(set(config["seeds"]["tuning"]) & set(config["seeds"]["final"]))
    if shared:
        raise ValueError(
            f"config.yaml, seeds: {shared} are both tuning and final seeds; the backtest needs unseen ones"
        )


def fold_count(config: Settings) -> int:
    """Return the number of folds, in whichever form config.yaml has them."""
    return int(config["folds"].get("n_folds") or config["folds"]["count"])


def runs_of_a_trial(config: Settings) -> int:
    """Return how many (fold, seed) pairs judge a trial."""
    return fold_count(config) * len(config["seeds"]["tuning"])


def schedules(config: Settings) -> dict[str, list[Round]]:
    """Return the rounds of every sweep."""
    return {name: schedule(sweep, runs_of_a_trial(config)) for name, sweep in config["sweeps"].items()}


def _check_schedule(name: str, sweep: Settings, runs: int) -> None:
    optimizer = sweep["optimizer"]
    if optimizer in HYPERBAND:
        by_runs = sweep["fidelity"] == "runs"
        key, most, unit = ("min_runs", runs, "runs") if by_runs else ("min_budget", sweep["budget"], "vector steps")
        least = sweep[key]
        if least is None or not sweep["eta"] * least <= most:
            raise ValueError(
                f"config.yaml, sweeps.{name}.{key}: {optimizer} needs one of at most {most} {unit} / eta = "
                f"{most // sweep['eta']}, not {least}"
            )
        if all(round_.fidelity < (sweep["budget"], runs) for round_ in schedule(sweep, runs)):
            raise ValueError(
                f"config.yaml, sweeps.{name}.rounds: no trial gets the full budget before round "
                f"{rung_count(least, most, sweep['eta'])} of {optimizer}, a rung each; "
                f"rounds is {sweep['rounds']}"
            )
    if optimizer in POPULATION and (sweep["interval"] is None or sweep["round_size"] < 2):
        raise ValueError(
            f"config.yaml, sweeps.{name}: {optimizer} needs interval and a round_size of 2 or more, "
            f"not {sweep['interval']} and {sweep['round_size']}"
        )
    if optimizer == "manual" and len(sweep["configurations"]) != sweep["rounds"] * sweep["round_size"]:
        raise ValueError(
            f"config.yaml, sweeps.{name}.configurations: {len(sweep['configurations'])} configurations do not fill "
            f"rounds {sweep['rounds']} × round_size {sweep['round_size']}"
        )


def _check_warm_start(name: str, config: Settings) -> None:
    sweeps, runs = config["sweeps"], runs_of_a_trial(config)
    chain, sweep = [name], sweeps[name]
    while sweep["warm_start"]["sweep"] is not None:
        source, key = sweep["warm_start"]["sweep"], f"config.yaml, sweeps.{chain[-1]}.warm_start"
        if source not in sweeps or source in chain:
            raise ValueError(
                f"{key}: {source!r} is no other sweep that ends before it; "
                f"there are {', '.join(sorted(set(sweeps) - set(chain))) or 'none'}"
            )
        if sweeps[source]["agent"] != sweep["agent"]:
            raise ValueError(f"{key}: {source} tunes {sweeps[source]['agent']}, and this sweep {sweep['agent']}")
        if (places := schedule(sweep, runs)[0].size) <= (top := sweep["warm_start"]["top"]):
            raise ValueError(
                f"{key}: the default configuration and the best {top} of {source} need {top + 1} places, "
                f"and the first round of {chain[-1]} has {places}"
            )
        chain.append(source)
        sweep = sweeps[source]


def _check_agents_space(name: str, agent: str, space: Settings) -> None:
    known = sorted(HYPERPARAMETERS[agent])
    if unknown := sorted(set(space) - set(known)):
        raise ValueError(
            f"config.yaml, search_spaces.{name}: {agent} has no hyperparameter {', '.join(unknown)} "
            f"(it has {', '.join(known)})"
        )
    default = {name: entry["default"] for name, entry in space.items()}
    terms = {**HYPERPARAMETERS[agent], **default}
    horizon, repeat, batch = (terms[name] for name in ("horizon_len", "repeat_times", "batch_size"))
    if agent in ON_POLICY and horizon * repeat < batch:
        raise ValueError(
            f"config.yaml, search_spaces.{name}: a configuration with horizon_len {horizon} × repeat_times {repeat} < "
            f"batch_size {batch} never updates its networks: change these defaults"
        )
    smallest = {name: entry["lower"] for name, entry in space.items() if entry["lower"] is not None}
    horizon, repeat = ({**terms, **smallest}[name] for name in ("horizon_len", "repeat_times"))
    if agent not in ON_POLICY and horizon * repeat < 1:
        raise ValueError(
            f"config.yaml, search_spaces.{name}: a configuration with horizon_len {horizon} × repeat_times {repeat} < "
            f"1 never updates its networks: raise the lower bounds"
        )


def _check_market(name: str, market: Settings) -> None:
    days = [market[key] for key in ("start", "test_start", "end") if market[key] is not None]
    for day in days:
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise ValueError(f"config.yaml, markets.{name}: {day} is not a day of the calendar") from error
    if days != sorted(set(days)):
        raise ValueError(f"config.yaml, markets.{name}: start < test_start < end does not hold for {' , '.join(days)}")
    source = market["source"]
    if source == "csv" and market["path"] is None:
        raise ValueError(f"config.yaml, markets.{name}.path: source csv needs the path of a file or folder")
    if source in VENDORS and not (market["start"] and (market["tickers"] or market["universe"])):
        raise ValueError(f"config.yaml, markets.{name}: source {source} needs start, and tickers or a universe")
    tickers = market["tickers"]
    if isinstance(tickers, str) and tickers not in TICKER_LISTS:
        raise ValueError(
            f"config.yaml, markets.{name}.tickers: {tickers!r} is not among the lists {', '.join(TICKER_LISTS)}; "
            f"your own is written [KO, PEP]"
        )
    if market["universe"] and market["missing"] == "drop_ticker":
        raise ValueError(
            f"config.yaml, markets.{name}.missing: drop_ticker would drop each ticker of the universe that comes or "
            f"goes; take error or hold"
        )


def _check_orders(name: str, environment: Settings) -> None:
    lot, most = environment["lot_size"], environment["max_stock"]
    if environment["action_mode"] == "shares" and most < lot:
        raise ValueError(
            f"config.yaml, environment.max_stock: the largest order of {most} shares is less than a lot of market "
            f"{name}, {lot}: no order would ever fill"
        )


def _check_hyperparameter(key: str, entry: Settings) -> None:
    kind, default = entry["type"], entry["default"]
    if kind == "constant":
        return
    if kind == "categorical":
        if not entry["choices"] or default not in entry["choices"]:
            raise ValueError(f"config.yaml, {key}: default {default!r} is not among the choices {entry['choices']}")
        return
    lower, upper = entry["lower"], entry["upper"]
    if lower is None or upper is None:
        raise ValueError(f"config.yaml, {key}: type {kind} needs lower and upper")
    if not all(isinstance(value, int | float) for value in (lower, upper, default)):
        raise ValueError(f"config.yaml, {key}: {default!r} is text, not a number; in YAML write 1.0e-5, not 1e-5")
    if lower >= upper:
        raise ValueError(f"config.yaml, {key}: lower {lower} is not below upper {upper}")
    if not lower <= default <= upper:
        raise ValueError(f"config.yaml, {key}: default {default} is outside [{lower}, {upper}]")
    if entry["log"] and lower <= 0:
        raise ValueError(f"config.yaml, {key}: log needs lower > 0, not {lower}")
    if kind == "int" and not all(float(value).is_integer() for value in (lower, upper, default)):
        raise ValueError(f"config.yaml, {key}: type int needs whole numbers, not {lower}, {upper}, {default}")


def market_settings(market: Settings) -> dict[str, Any]:
    """Return the keys of a market that its download depends on."""
    settings = {key: market[key] for key in MARKET_KEYS[market["source"]]}
    if settings.get("volatility_ticker") == "auto":
        settings["volatility_ticker"] = VOLATILITY_TICKERS.get(market["source"])
    return settings


def environment_settings(config: Settings, market: str) -> dict[str, Any]:
    """Return how an action becomes trades on a market: the environment, and what the market has of its own."""
    environment, own = config["environment"], config["markets"][market]
    return {key: value if own.get(key) is None else own[key] for key, value in environment.items()}


def proposal_settings(config: Settings, sweep: str) -> dict[str, Any]:
    """Return what a sweep's proposals depend on; the number of rounds is not part of it."""
    settings = config["sweeps"][sweep]
    keys = ["agent", "market", "optimizer", "seed", *OPTIMIZERS[settings["optimizer"]]]
    if settings["optimizer"] not in POPULATION:  # whose budget grows with the rounds
        keys.append("budget")
    asked = {key: settings[key] for key in keys}
    if continues(settings) and settings["optimizer"] in HYPERBAND:
        asked["continue_training"] = True
    if settings["warm_start"]["sweep"] is not None:
        asked["warm_start"] = settings["warm_start"]
    if settings["optimizer"] in HYPERBAND and settings["fidelity"] == "runs":
        asked |= {"fidelity": "runs", "min_runs": settings["min_runs"], "runs": runs_of_a_trial(config)}
    elif settings["optimizer"] in HYPERBAND:
        asked["min_budget"] = settings["min_budget"]
    return {**asked, "search_space": search_space(config, sweep)}


def search_space(config: Settings, sweep: str) -> dict[str, Any]:
    """Return a sweep's search space as config.yaml spells it."""
    settings = config["sweeps"][sweep]
    space = config["search_spaces"][settings["search_space"] or settings["agent"]]
    absent = ("prior_strength",)  # keys that are told only where they are set
    return {
        name: {key: value for key, value in entry.items() if key not in absent or value is not None}
        for name, entry in space.items()
    }


def default_configuration(config: Settings, sweep: str) -> dict[str, Any]:
    """Return the default configuration of a sweep's search space."""
    entries = sorted(search_space(config, sweep).items())
    return {name: float(entry["default"]) if entry["type"] == "float" else entry["default"] for name, entry in entries}


def flags(**groups: Settings) -> str:
    """Return command-line flags, such as ``--environment.cost-pct 0.001``, quoted and in a fixed order.

    A boolean is a flag without a value, as tyro reads it: ``--settings.expanding`` or ``--settings.no-expanding``.
    """
    words = []
    for group, settings in sorted(groups.items()):
        for key, value in sorted(settings.items()):
            name = key.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{group}.{name}" if value else f"--{group}.no-{name}")
            elif value is not None:
                several = value if isinstance(value, list | tuple) else [value]
                words += [f"--{group}.{name}", *map(str, several)]
    return shlex.join(words)


def gpus_of_a_run(device: str, environment: Mapping[str, str]) -> int:
    """Return how many of the resource gpu a training asks for; ``auto`` looks at this machine.

    Args:
        device: the setting.
        environment: where CUDA_VISIBLE_DEVICES may hide every GPU.

    """
    hidden = environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    has_gpu = Path("/dev/nvidiactl").exists() and not hidden
    return 1 if device == "cuda" or (device == "auto" and has_gpu) else 0


def start_of_a_run(warm_workers: bool, gpus: int, remote: bool) -> str:
    """Return the words before the module of a verb that needs torch: from a warm worker, or in a process of its own.

    A CUDA context does not survive a fork, and a job on another machine is alone there.
    """
    warm = warm_workers and not remote and gpus == 0
    return "python -I -S workflow_scripts/workflow/run_warm.py" if warm else "python -m"


def schema_error(error: BaseException) -> str:
    """Return one line for what Snakemake's validate says in many.

    The error that names a key hangs at its end: jsonschema's ValidationError with ``absolute_path`` and ``message``.
    """
    seen: list[BaseException] = [error]
    for candidate in seen:
        if hasattr(candidate, "absolute_path"):
            return explain(candidate.absolute_path, str(getattr(candidate, "message", candidate)))
        linked = [*candidate.args, candidate.__cause__, candidate.__context__]
        seen.extend(other for other in linked if isinstance(other, BaseException) and other not in seen)
    return str(error)
