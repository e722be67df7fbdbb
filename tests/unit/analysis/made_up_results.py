"""Results of a sweep that nobody trained: made up in a second, and kept by the writers of the real ones."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from workflow_scripts.analysis.inference.answers import selection_answer, skill_answer, tuning_answer
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.split_folds import split_folds
from workflow_scripts.sweeps.collect_trials import collect_trials
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.sweeps.measures import Record, take_all
from workflow_scripts.training.curves import write_curves
from workflow_scripts.training.sharpe import Episode, failed_run, judge_episode, write_result, write_returns
from workflow_scripts.training.vary_execution import break_even
from workflow_scripts.training.weights import write_weights
from workflow_scripts.workflow.files import read_json, sha256, write_json

SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "lower": 1e-5, "upper": 1e-2, "log": True, "default": 3e-4},
    "gamma": {"type": "float", "lower": 0.5, "upper": 0.999, "log": False, "default": 0.985},
    "net_dims_0": {"type": "categorical", "choices": [64, 128, 256], "default": 256},
    "horizon_len": {"type": "int", "lower": 64, "upper": 2048, "log": True, "default": 512},
    "lambda_entropy": {"type": "float", "lower": 1e-4, "upper": 0.1, "log": True, "default": 0.01},
    "batch_size": {"type": "constant", "default": 512},
}
FOLDS = FoldSettings(count=3, train_days=252, validation_days=126, purge_days=5)


@dataclass
class MadeUp:
    """Results below ``root``; ``handicap`` is what the default configuration, else the best, loses a day."""

    root: Path
    market: str = "noise"
    tickers: int = 12
    test_start: str = "2003-07-01"
    periods_per_year: int = 252
    handicap: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def results(self) -> Path:
        return self.root / "results"

    def make_market(self) -> "MadeUp":
        """Make a market and its folds by the rules' own verbs; its baselines are made up."""
        folder = self.results / "markets" / self.market
        keys = {"ticker_count": self.tickers, "days": 1200, "periods_per_year": self.periods_per_year}
        noise = source_of({"source": "noise", **keys})
        download_bars(noise, folder / "bars.parquet", folder / "data.lock.json")
        features = folder / "features.npz"
        compute_features(folder / "bars.parquet", features, folder / "sealed.npz", self.test_start, 60, 5)
        split_folds(features, folder / "folds", FOLDS)
        return self

    def days(self, description: Path) -> np.ndarray:
        """Return the days of a fold's validation window that have a return."""
        with np.load(description.with_suffix(".npz"), allow_pickle=False) as arrays:
            return arrays["validation_dates"][1:]

    def episode(self, dates: np.ndarray, market: np.ndarray, alpha: float = 0.0) -> Episode:
        weight = self.rng.dirichlet(np.ones(self.tickers + 1), len(dates))[:, : self.tickers]
        weight = 0.9 * weight.mean(axis=0) + 0.1 * weight
        ramp = 1 - np.exp(-np.arange(1, len(dates) + 1) / 5)
        weight *= ramp[:, None]
        traded = np.diff(weight, axis=0, prepend=np.zeros((1, self.tickers)))
        returns = market * ramp + alpha + self.rng.normal(0, 0.001, len(dates))
        return Episode(dates, returns, np.abs(traded).sum(axis=1), self.periods_per_year, weight, traded)

    def write_run(self, folder: Path, episode: Episode | None, budget: int = 6144, curves: bool = True) -> None:
        result = judge_episode(episode, episode) if episode else failed_run("a weight of the policy is not finite")
        folder.mkdir(parents=True)
        write_result(result, folder / "sharpe.json")
        write_returns(episode, folder / "returns.parquet")
        write_weights(episode, [f"S{number + 1}" for number in range(self.tickers)], folder / "weights.parquet")
        write_curves(self.curve(budget) if curves else [], folder / "curves.parquet")
        (folder / "policy.pt").write_bytes(b"")
        took = f"{self.rng.uniform(5, 8):.2f}\t{300.0:.2f}\t{self.rng.uniform(4, 7):.2f}"
        (folder / "train_agent.tsv").write_text(f"s\tmax_rss\tcpu_time\n{took}\n")

    def curve(self, budget: int) -> list[dict[str, float]]:
        steps = np.linspace(budget / 64, budget, 64).astype(int)
        fading, chance = np.exp(-np.arange(64) / 20), lambda size: self.rng.normal(0, size, 64)
        columns = {
            "critic_loss": 0.2 + fading + np.abs(chance(0.05)),
            "actor_objective": 0.02 * (1 - fading) + chance(0.01),
            "log_std": -0.5 - 0.3 * (1 - fading),
            "entropy": 11 - 3 * (1 - fading),
            "kl": np.abs(0.01 + chance(0.004)),
            "explained_variance": np.clip(0.3 - fading + chance(0.1), None, 1),
            "reward": 0.05 * (1 - fading) + chance(0.05),
            "turnover": 0.03 + 0.02 * fading + np.abs(chance(0.002)),
        }
        return [
            {"vector_steps": int(step), **{name: float(values[at]) for name, values in columns.items()}}
            for at, step in enumerate(steps)
        ]

    def configuration(self) -> dict[str, Any]:
        chosen = {}
        for name, entry in SPACE.items():
            if entry["type"] == "constant":
                chosen[name] = entry["default"]
            elif entry["type"] == "categorical":
                chosen[name] = entry["choices"][self.rng.integers(len(entry["choices"]))]
            else:
                ends = np.log([entry["lower"], entry["upper"]]) if entry["log"] else [entry["lower"], entry["upper"]]
                drawn = self.rng.uniform(*ends)
                value = float(np.exp(drawn) if entry["log"] else drawn)
                chosen[name] = int(value) if entry["type"] == "int" else value
        return chosen

    def make_sweep(self, name: str, rounds: int = 3, size: int = 4, seeds: tuple[int, ...] = (0, 1)) -> Path:
        """Make the rounds of a sweep, with a failed trial among them."""
        folder = self.results / "sweeps" / name
        market = self.results / "markets" / self.market
        default = {key: entry["default"] for key, entry in SPACE.items()}
        settings = {"agent": "ppo", "market": self.market, "optimizer": "smac", "seed": 0, "search_space": SPACE}
        folds = sorted((market / "folds").glob("*.json"))
        moves = [self.rng.normal(0.0004, 0.01, len(self.days(fold))) for fold in folds]
        for number, (fold, move) in enumerate(zip(folds, moves, strict=True)):
            self.write_baselines(market / "baselines" / f"fold_{number}.parquet", self.days(fold), move)
        for round_ in range(rounds):
            trials = []
            for trial in range(size):
                configuration = self.configuration() if round_ or trial else default
                config = folder / f"round_{round_}/trial_{trial}/config.yaml"
                config.parent.mkdir(parents=True)
                content = {"sweep": name, "agent": "ppo", "round": round_, "trial": trial, "budget": 6144}
                config.write_text(yaml.safe_dump(content | {"configuration": configuration}))
                trials.append({"configuration": configuration, "sha256": sha256(config)})
                broken = (round_, trial) == (0, size - 1)
                self.make_trial(config.parent, name, round_, trial, configuration, folds, moves, seeds, broken)
            write_json(folder / f"round_{round_}/proposals.json", {"settings": settings, "trials": trials})
        return folder

    def write_baselines(self, path: Path, dates: np.ndarray, move: np.ndarray) -> None:
        from workflow_scripts.training.environment.baselines import write_baselines

        write_baselines(
            {
                each: Episode(dates, move + shift, np.zeros(len(dates)), self.periods_per_year)
                for each, shift in (("benchmark", 0), ("equal_weight", 1e-5), ("buy_and_hold", 2e-5))
            },
            path,
        )

    def make_trial(self, folder, sweep, round_, trial, configuration, folds, moves, seeds, broken) -> None:
        skill = -0.0003 * abs(np.log10(configuration["learning_rate"]) + 3.2) + 0.0004 * configuration["gamma"]
        skill -= self.handicap * ((round_, trial) == (0, 0))
        runs = []
        for number, (fold, move) in enumerate(zip(folds, moves, strict=True)):
            for seed in seeds:
                fails = broken and seed == seeds[-1]
                episode = None if fails else self.episode(self.days(fold), move, skill)
                self.write_run(folder / f"fold_{number}/seed_{seed}", episode)
                values, undefined = (
                    take_all(Record(episode.daily_returns, move, episode.turnover, self.periods_per_year))
                    if episode
                    else ({}, {})
                )
                result = read_json(folder / f"fold_{number}/seed_{seed}/sharpe.json")
                runs.append(
                    {
                        "fold": number,
                        "seed": seed,
                        "status": result["status"],
                        "reason": result["reason"],
                        "days": result["days"],
                        "sharpe": result["sharpe"],
                        "value": result["sharpe"],
                        "measures": values,
                        "undefined": undefined,
                    }
                )
        values = [run["value"] for run in runs]
        score = None if None in values else float(np.mean(values))
        error = None if score is None else float(np.std(values, ddof=1) / np.sqrt(len(values)))
        status, reason = ("failed", "a weight of the policy is not finite") if score is None else ("ok", None)
        named = {"periods_per_year": self.periods_per_year}
        written = Score(sweep, round_, trial, 6144, status, reason, score, error, configuration, runs, **named)
        write_score(written, folder / "score.json")

    def finish(self, name: str, seeds: tuple[int, ...] = (100, 101, 102, 103, 104)) -> Path:
        """Make the backtests of a sweep, its importance and its verdict."""
        folder, market = self.results / "sweeps" / name, self.results / "markets" / self.market
        scores = tuple(sorted(folder.glob("round_*/trial_*/score.json")))
        collect_trials("ppo", scores, 1, folder / "trials.csv", folder / "incumbent.yaml")
        dates = self.days(market / "sealed.json")
        move = self.rng.normal(0.0004, 0.01, len(dates))
        rows = {}
        for candidate, alpha in (("rank_1", 0.0002), ("default", 0.0001), ("untrained", 0.0)):
            episodes = [self.episode(dates, move, alpha) for _ in seeds]
            for seed, episode in zip(seeds, episodes, strict=True):
                self.write_run(folder / f"backtest/{candidate}/seed_{seed}", episode, curves=candidate != "untrained")
            rows[candidate] = np.stack([episode.daily_returns for episode in episodes])
        for baseline, shift in (("benchmark", 0.0), ("equal_weight", 1e-5), ("buy_and_hold", 2e-5)):
            episode = Episode(dates, move + shift, np.full(len(dates), 0.01), self.periods_per_year)
            write_returns(episode, folder / f"backtest/{baseline}/returns.parquet")
        self.write_importance(folder / "importance.json")
        self.write_execution(folder / "execution.json")
        lock = read_json(market / "data.lock.json")
        settings = {"environment": {"action_mode": "tilt", "cost_pct": 0.001}, "training": {"num_envs": 16}}
        stated = {"sweep": name, "seeds": list(seeds), "settings": settings, "data": lock["sha256"], "code": "c" * 64}
        stated["candidates"] = {candidate: {} for candidate in rows}
        write_json(folder / "preregistration.json", stated)
        year = {"days_a_year": self.periods_per_year}
        skill = skill_answer(rows["rank_1"], move, **year).as_json()
        window = {"first_day": str(dates[0]), "last_day": str(dates[-1]), "days": len(dates)}
        verdict = {
            "sweep": name,
            "market": self.market,
            "sentence": skill["sentence"],
            "skill": skill,
            "tuning": tuning_answer(rows["rank_1"], rows["default"], False, **year).as_json(),
            "selection": selection_answer([rows["rank_1"], rows["default"]], move, 12, resamples=100, **year).as_json(),
            "estimand": skill["estimand"],
            "periods_per_year": self.periods_per_year,
            "benchmark": {"action": "no tilt: equal weights", "start": "cash", "environment": {}},
            "confidence": 0.95,
            "test": window,
            "validation": window,
            "trials_counted": len(scores),
            "not_judged": {},
        }
        write_json(folder / "verdict.json", verdict)
        return folder

    def write_execution(self, path: Path) -> None:
        """Write a policy that gains 3 % a year without fees and loses a tenth of it per basis point; even at 10."""

        def earned(gain: float) -> dict[str, Any]:
            returns = {"annual_return": 0.08 + gain, "sharpe": 1 + gain}
            return {"tuned": returns, "benchmark": {"annual_return": 0.08, "sharpe": 1.0}}

        costs = [{"basis_points": points, **earned(0.03 - 0.003 * points)} for points in (0, 5, 10, 20, 30, 50)]
        delays = [{"days": days, **earned(0.01 - 0.005 * days)} for days in (0, 1, 2)]
        judged = {"basis_points": 10.0, "delay": 1}
        said = {"policies": 5, "judged": judged, "costs": costs, "delays": delays, **break_even(costs)}
        write_json(path, said)

    def write_importance(self, path: Path) -> None:
        names = [name for name, entry in SPACE.items() if entry["type"] != "constant"]
        methods = {
            method: {
                name: {
                    "importance": float(share),
                    "sd": 0.1,
                    "shuffled_mean": 0.15,
                    "shuffled_high": 0.4,
                    "p_value": 0.2,
                }
                for name, share in zip(names, self.rng.dirichlet(np.ones(len(names))), strict=True)
            }
            for method in ("fanova", "ped_anova", "local")
        }
        write_json(
            path,
            {
                "conclusion": "No hyperparameter is known to matter: none explains more than shuffled scores do.",
                "trials": 11,
                "methods": methods,
                "resamples": 20,
                "permutations": 20,
                "reason": None,
                "undefined": {},
            },
        )
