"""The compiled kernels of the networks, forward and backward.

They are in one module since numba's cache knows a kernel's own file only. They work on a block of rows at a time, whose
layers stay in a core's second cache; an array that all blocks write over takes no page of memory anew. A row is one
ticker of one state. A matrix is float32, row after row without gaps. Kernels of ``flat`` networks, whose row is a
whole state, take a batch at once.

Where a rectifier is ``value if not value < 0 else 0``, it hands on what is no number, as torch's does.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from workflow_scripts.training.compiled.blas import SYMBOL, name_product
from workflow_scripts.training.environment import kernels as environment
from workflow_scripts.training.learners.adamw import BETAS, EPSILON
from workflow_scripts.training.networks.market import LOG_STD_RANGE
from workflow_scripts.training.networks.shared import HOLDING_CLIP

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
ROWS_AT_ONCE = 640
# Without fastmath said, a kernel would take it from whichever other kernel had it compiled first, and keep it.
_compiled: Callable[[Callable[..., Any]], Any] = numba.njit(cache=True, error_model="numpy", fastmath=False)

name_product()
_sgemm = types.ExternalFunction(SYMBOL, types.void(*[types.uintp] * 13))
_LETTERS = np.frombuffer(b"NT", np.uint8)
_SCALARS = np.array([0, 1], np.float32)


@_compiled
def _multiply(left: Floats, right: Floats, out: Floats, turn_left: bool, turn_right: bool, add: bool) -> None:
    """Write the product of two matrices, either of them transposed, or add it to what is there.

    Columns of ``left`` for which ``right`` has no rows count as not there, as do columns of ``right`` beyond those of
    ``out``. BLAS goes by columns: to it each matrix is its own transpose, and Cᵀ = Bᵀ Aᵀ.
    """
    sizes = np.empty(6, np.int32)
    sizes[0], sizes[1], sizes[2] = out.shape[1], out.shape[0], right.shape[1] if turn_right else right.shape[0]
    sizes[3], sizes[4], sizes[5] = right.shape[1], left.shape[1], out.shape[1]
    letters, scalars, at = _LETTERS.ctypes.data, _SCALARS.ctypes.data, sizes.ctypes.data
    _sgemm(
        letters + turn_right,
        letters + turn_left,
        at,
        at + 4,
        at + 8,
        scalars + 4,
        right.ctypes.data,
        at + 12,
        left.ctypes.data,
        at + 16,
        scalars + 4 * add,
        out.ctypes.data,
        at + 20,
    )


@_compiled
def _turn(matrix: Floats, out: Floats) -> None:
    """Write a matrix's transpose: BLAS multiplies few columns by it half as fast again."""
    for row in range(matrix.shape[0]):
        for column in range(matrix.shape[1]):
            out[column, row] = matrix[row, column]


@_compiled
def _rectify(hidden: Floats, bias: Floats) -> None:
    """Add a layer's bias, and let nothing below zero through."""
    for row in range(hidden.shape[0]):
        out = hidden[row]
        for unit in range(len(bias)):
            value = out[unit] + bias[unit]
            out[unit] = value if not value < 0 else np.float32(0)


@_compiled
def _layer(rows: Floats, weight: Floats, bias: Floats, hidden: Floats) -> None:
    """Write what a layer with (inputs, outputs) weights makes of rows, rectified."""
    _multiply(rows, weight, hidden, False, False, False)
    _rectify(hidden, bias)


@_compiled
def _rectified_back(gradient: Floats, hidden: Floats, bias_gradient: Floats) -> None:
    """Take the gradient by a rectifier's output to that by its input, and add the latter to the bias's."""
    for row in range(hidden.shape[0]):
        out, seen = gradient[row], hidden[row]
        for unit in range(len(bias_gradient)):
            value = out[unit] if seen[unit] > 0 else np.float32(0)
            out[unit] = value
            bias_gradient[unit] += value


@_compiled
def _look_up(day: int, portfolio: Floats, table: Floats, rows: Floats) -> None:
    """Write a state's rows: the table's of its day, its cash, its holdings so that 0 is a ticker's even share."""
    _, tickers, width = table.shape
    cash, clip = portfolio[0] * np.float32(2) - np.float32(1), np.float32(HOLDING_CLIP)
    for ticker in range(tickers):
        seen, out = table[day, ticker], rows[ticker]
        for number in range(width - 2):
            out[number] = seen[number]
        holding = portfolio[ticker + 1] * np.float32(tickers) - np.float32(1)
        out[width - 2], out[width - 1] = cash, min(max(holding, -clip), clip)


@_compiled
def _first_layer(state: Floats, market: Floats, own: Floats, cash_part: Floats, hidden: Floats) -> None:
    """Write a state's first hidden layer (tickers, width) from the market's part of it and the weights of its own."""
    tickers, width = hidden.shape
    clip, cash = np.float32(HOLDING_CLIP), state[1] * np.float32(2) - np.float32(1)
    for unit in range(width):
        cash_part[unit] = cash * own[0, unit]
    for ticker in range(tickers):
        holding = state[ticker + 2] * np.float32(tickers) - np.float32(1)
        holding = min(max(holding, -clip), clip)
        seen, out, weight = market[ticker], hidden[ticker], own[1]
        for unit in range(width):
            value = seen[unit] + cash_part[unit] + holding * weight[unit]
            out[unit] = value if not value < 0 else np.float32(0)


@_compiled
def _first_layers(
    states: Floats, first: int, envs: int, market: Floats, own: Floats, cash_part: Floats, hidden: Floats
) -> None:
    """Write the first hidden layers of states, the first of which is number ``first`` of days with ``envs`` each.

    Where a row is a whole state, ``own`` has a row for each of its numbers, and ``market`` one row a day.
    """
    rows = market.shape[1]
    if len(own) == states.shape[1]:
        _multiply(states, own, hidden, False, False, False)
        for place in range(len(states)):
            _rectify(hidden[place : place + 1], market[(first + place) // envs, 0])
    else:
        for place in range(len(states)):
            seen, out = market[(first + place) // envs], hidden[place * rows : (place + 1) * rows]
            _first_layer(states[place], seen, own, cash_part, out)


@_compiled
def _pool(hidden: Floats, pooled: Floats) -> None:
    """Write the means (states, width) over the tickers of each state."""
    tickers = hidden.shape[0] // pooled.shape[0]
    for place in range(pooled.shape[0]):
        out = pooled[place]
        out[:] = 0
        for ticker in range(tickers):
            seen = hidden[place * tickers + ticker]
            for unit in range(len(out)):
                out[unit] += seen[unit]
        for unit in range(len(out)):
            out[unit] /= np.float32(tickers)


@_compiled
def _pooled_back(gradient: Floats, hidden: Floats, bias_gradient: Floats) -> None:
    """Take the gradient by the means to that by what came before the rectifier, written over its output."""
    tickers = hidden.shape[0] // gradient.shape[0]
    for place in range(gradient.shape[0]):
        seen = gradient[place]
        for unit in range(len(seen)):
            seen[unit] /= np.float32(tickers)
        for ticker in range(tickers):
            out = hidden[place * tickers + ticker]
            for unit in range(len(seen)):
                value = seen[unit] if out[unit] > 0 else np.float32(0)
                out[unit] = value
                bias_gradient[unit] += value


@_compiled
def adamw(
    weights: Floats,
    gradient: Floats,
    first_moment: Floats,
    second_moment: Floats,
    steps: Floats,
    learning_rate: float,
    weight_decay: float,
    max_norm: float,
) -> None:
    """Make a step of ``AdamW``, and leave a gradient of zeros (Loshchilov & Hutter 2019, algorithm 2).

    Args:
        weights: of a network, as one vector, as are its gradient and both moments.
        gradient: scaled down to ``max_norm`` first, where it is longer.
        first_moment: mean of gradients.
        second_moment: mean of their squares.
        steps: () how many were made.
        learning_rate: of this step.
        weight_decay: learning_rate × this share of each weight is taken off.
        max_norm: see gradient.

    """
    square = 0.0
    for place in range(len(gradient)):
        square += gradient[place] * gradient[place]
    scale = np.float32(min(max_norm / (math.sqrt(square) + 1e-6), 1.0))
    steps[()] += np.float32(1)
    kept, kept_square = np.float32(1 - BETAS[0]), np.float32(1 - BETAS[1])
    rate = np.float32(learning_rate / (1 - BETAS[0] ** steps[()]))
    per_root, epsilon = np.float32(1 / math.sqrt(1 - BETAS[1] ** steps[()])), np.float32(EPSILON)
    decay = np.float32(1 - learning_rate * weight_decay)
    for place in range(len(gradient)):
        slope = gradient[place] * scale
        first_moment[place] += kept * (slope - first_moment[place])
        second_moment[place] += kept_square * (slope * slope - second_moment[place])
        root = np.sqrt(second_moment[place]) * per_root + epsilon
        weights[place] = weights[place] * decay - rate * first_moment[place] / root
        gradient[place] = 0


@_compiled
def values_of_states(
    states: Floats,
    market: Floats,
    own: Floats,
    value: tuple[Floats, ...],
    values: Floats,
    hidden: Floats,
    pooled: Floats,
    deep: Floats,
    outputs: Floats,
    turned: Floats,
) -> None:
    """Write the critic's values (steps, envs) of states.

    Args:
        states: (steps, envs, 2 + tickers) the states.
        market: (steps, rows of a state, width) the first layer's sums over the market's numbers, bias included.
        own: the first layer's weights of the rest: (2, width) of cash and holding, or (2 + tickers, width).
        value: weights and biases of the layers after the mean.
        values: the result.
        hidden: (rows, width) work array, as are the others: its rows are as many states' as pooled has.
        pooled: (states, width).
        deep: (states, second width).
        outputs: (states, 1).
        turned: (width, second width).

    """
    steps, envs = values.shape
    in_turn, written = states.reshape(steps * envs, states.shape[2]), values.reshape(steps * envs)
    cash_part = np.empty(len(own[0]), np.float32)
    _turn(value[0], turned)
    rows, block = market.shape[1], len(pooled)
    for first in range(0, steps * envs, block):
        some = in_turn[first : first + block]
        count = len(some)
        seen = hidden[: count * rows]
        _first_layers(some, first, envs, market, own, cash_part, seen)
        if rows > 1:
            _pool(seen, pooled[:count])
            seen = pooled[:count]
        _value(seen, value, turned, deep[:count], outputs[:count])
        for place in range(count):
            written[first + place] = outputs[place, 0]


@_compiled
def _scored_back(slopes: Floats, weight: Floats, hidden: Floats, bias_gradient: Floats) -> None:
    """Take the gradient (rows, 1) by a last layer's output to that before the rectifier, written over its output."""
    for row in range(hidden.shape[0]):
        slope, out = slopes[row, 0], hidden[row]
        for unit in range(len(out)):
            value = slope * weight[0, unit] if out[unit] > 0 else np.float32(0)
            out[unit] = value
            bias_gradient[unit] += value


@_compiled
def _value(pooled: Floats, value: tuple[Floats, ...], turned: Floats, deep: Floats, outputs: Floats) -> None:
    """Write what a critic's last two layers make of means over tickers, (states, 1)."""
    _layer(pooled, turned, value[1], deep)
    _multiply(deep, value[2], outputs, False, True, False)
    for place in range(len(outputs)):
        outputs[place, 0] += value[3][0]


@_compiled
def _value_back(
    slopes: Floats, pooled: Floats, value: tuple[Floats, ...], gradient: tuple[Floats, ...], deep: Floats, back: Floats
) -> None:
    """Add the gradient of the last two layers, and write that by the means, from the one by values (states, 1)."""
    for place in range(len(slopes)):
        gradient[3][0] += slopes[place, 0]
    _multiply(slopes, deep, gradient[2], True, False, True)
    _scored_back(slopes, value[2], deep, gradient[1])
    _multiply(deep, pooled, gradient[0], True, False, True)
    _multiply(deep, value[0], back, False, False, False)


@_compiled
def _huber(values: Floats, targets: Floats, batch: int) -> float:
    """Return the sum of the losses of values (states, 1), over which their slopes are written.

    With the error e a loss is e² / 2 up to 1 and |e| − 1/2 beyond it, so that its slope is e, clipped.
    """
    loss = 0.0
    for place in range(len(targets)):
        error = values[place, 0] - targets[place]
        far = abs(error)
        loss += 0.5 * error * error if far < 1 else far - 0.5
        values[place, 0] = min(max(error, np.float32(-1)), np.float32(1)) / np.float32(batch)
    return loss


@_compiled
def _slopes_of_objective(
    outputs: Floats,
    bias: float,
    drawn: Integers,
    actions: Floats,
    collected: Floats,
    advantages: Floats,
    by_ratio: bool,
    clip: float,
    batch: int,
    log_std: Floats,
    log_std_gradient: Floats,
    logprobs: Floats,
) -> float:
    """Write the slopes of −objective by mean actions over these; return the sum of the objectives, entropy aside.

    With s = (a − μ) / σ the log-probability is −Σ s² / 2 − Σ log σ − const, its slopes s / σ by μ and s² − 1 by log σ.
    The objective min(A r, A clip(r)) with r = exp(logprob − collected) has the slope A r by logprob where A r is not
    the larger of both (Schulman et al. 2017, eq. 7), and elsewhere 0: there the clip holds r. The plain policy
    gradient's, A logprob, has the slope A.

    Args:
        outputs: (states × tickers, 1) of the last layer.
        bias: what they lack.
        drawn: (states,) places of the transitions.
        actions: what was done in all transitions, as the next two.
        collected: log-probabilities under the policy that did it.
        advantages: standardised.
        by_ratio: whether the objective is the clipped one.
        clip: of the ratio of probabilities around 1.
        batch: transitions of the update.
        log_std: (1, tickers) log σ.
        log_std_gradient: to which is added.
        logprobs: (states,) to be written.

    """
    tickers = log_std.shape[1]
    constant = log_std.sum() + 0.5 * tickers * math.log(2 * math.pi)
    objective = 0.0
    for place in range(len(drawn)):
        chosen, squares = drawn[place], 0.0
        for ticker in range(tickers):
            row = place * tickers + ticker
            mean = outputs[row, 0] + bias
            scaled = (actions[chosen, ticker] - mean) * math.exp(-log_std[0, ticker])
            outputs[row, 0] = scaled
            squares += scaled * scaled
        logprob = -0.5 * squares - constant
        logprobs[place] = logprob
        if by_ratio:
            ratio = math.exp(logprob - collected[chosen])
            climbed = advantages[chosen] * ratio
            clipped = advantages[chosen] * min(max(ratio, 1 - clip), 1 + clip)
            held = clipped < climbed
            objective += clipped if held else climbed
            slope = 0.0 if held else -climbed / batch
        else:
            objective += advantages[chosen] * logprob
            slope = -advantages[chosen] / batch
        for ticker in range(tickers):
            row = place * tickers + ticker
            scaled = outputs[row, 0]
            log_std_gradient[0, ticker] += slope * (scaled * scaled - 1)
            outputs[row, 0] = slope * scaled * math.exp(-log_std[0, ticker])
    return objective


@_compiled
def _entropy(log_std: Floats) -> float:
    """Return the entropy of a policy with normal actions, whose slope is 1 by each log σ."""
    entropy: float = log_std.sum() + 0.5 * log_std.shape[1] * (1 + math.log(2 * math.pi))
    return entropy


@_compiled
def policy_gradients(
    states: Floats,
    table: Floats,
    drawn: Integers,
    actions: Floats,
    collected: Floats,
    advantages: Floats,
    returns: Floats,
    by_ratio: bool,
    clip: float,
    entropy_weight: float,
    actor: tuple[Floats, ...],
    actor_gradient: tuple[Floats, ...],
    critic: tuple[Floats, ...],
    critic_gradient: tuple[Floats, ...],
    work: tuple[Floats, ...],
    logprobs: Floats,
) -> tuple[float, float]:
    """Add the gradients of the losses of the drawn transitions; return critic loss and objective.

    Args:
        states: (transitions, 2 + tickers) of the rollout, as are actions, collected log-probabilities and the rest.
        table: (days, tickers, inputs) what the networks see of the market.
        drawn: (batch,) places of the transitions.
        actions: see ``_slopes_of_objective``, as are the next two.
        collected: under the policy that acted.
        advantages: standardised.
        returns: what the critic learns.
        by_ratio: see ``_slopes_of_objective``, as is the next.
        clip: of the ratio.
        entropy_weight: of the entropy bonus.
        actor: weights and biases of the three layers, and log σ (1, tickers).
        actor_gradient: arrays of the same shapes, to which is added.
        critic: weights and biases of the embedding and of the two layers after the mean.
        critic_gradient: the same.
        work: arrays that a block of rows writes over, see ``CompiledPolicyGradient``.
        logprobs: (batch,) to be written under the present policy.

    """
    rows, hidden, narrow, back, outputs, pooled, deep, deep_back, values = work[:9]
    turned_actor, turned_critic = work[9:11], work[11:]
    _turn(actor[0], turned_actor[0])
    _turn(actor[2], turned_actor[1])
    _turn(critic[0], turned_critic[0])
    _turn(critic[2], turned_critic[1])
    _, first_bias, second, second_bias, last, last_bias, log_std = actor
    batch, tickers = len(drawn), actions.shape[1]
    block = len(rows) // tickers
    targets = np.empty(block, np.float32)
    loss, objective = 0.0, 0.0
    for first in range(0, batch, block):
        part = drawn[first : first + block]
        count, high = len(part), len(part) * tickers
        for place in range(count):
            state = states[part[place]]
            _look_up(int(state[0]), state[1:], table, rows[place * tickers : (place + 1) * tickers])
            targets[place] = returns[part[place]]
        seen, wide, slim, scores = rows[:high], hidden[:high], narrow[:high], outputs[:high]
        _layer(seen, turned_critic[0], critic[1], wide)
        _pool(wide, pooled[:count])
        _value(pooled[:count], critic[2:], turned_critic[1], deep[:count], values[:count])
        loss += _huber(values[:count], targets[:count], batch)
        slopes, of_means = values[:count], deep_back[:count]
        _value_back(slopes, pooled[:count], critic[2:], critic_gradient[2:], deep[:count], of_means)
        _pooled_back(of_means, wide, critic_gradient[1])
        _multiply(wide, seen, critic_gradient[0], True, False, True)
        _layer(seen, turned_actor[0], first_bias, wide)
        _layer(wide, turned_actor[1], second_bias, slim)
        _multiply(slim, last, scores, False, True, False)
        chosen, climbs = (part, actions, collected, advantages), (by_ratio, clip, batch)
        of_noise = log_std, actor_gradient[6], logprobs[first : first + count]
        objective += _slopes_of_objective(scores, last_bias[0], *chosen, *climbs, *of_noise)
        for row in range(high):
            actor_gradient[5][0] += scores[row, 0]
        _multiply(scores, slim, actor_gradient[4], True, False, True)
        _scored_back(scores, last, slim, actor_gradient[3])
        _multiply(slim, wide, actor_gradient[2], True, False, True)
        _multiply(slim, second, back[:high], False, False, False)
        _rectified_back(back[:high], wide, actor_gradient[1])
        _multiply(back[:high], seen, actor_gradient[0], True, False, True)
    actor_gradient[6][0] -= np.float32(entropy_weight)
    return loss / batch, objective / batch + entropy_weight * _entropy(log_std)


@_compiled
def _powers(exponents: Floats, whole: NDArray[np.int32], powers: Floats) -> None:
    """Write e to the exponents, to a part in 10⁷, in vector instructions, which no call of a library lets through.

    eˣ is 2ⁿ eʳ with n the whole number nearest to x / log 2: adding and taking off 1.5 × 2²³ rounds, and n is what a
    float32 keeps from its 23rd bit on. eʳ, |r| ≤ log 2 / 2, is its Taylor series up to r⁷ / 7!.
    """
    per_log_two, rounder = np.float32(1 / math.log(2)), np.float32(1.5 * 2**23)
    high, low = np.float32(0.693359375), np.float32(math.log(2) - 0.693359375)
    for place in range(len(exponents)):
        value = min(max(exponents[place], np.float32(-87)), np.float32(88))
        number = (value * per_log_two + rounder) - rounder
        whole[place] = (np.int32(number) + np.int32(127)) << np.int32(23)
        rest = (value - number * high) - number * low
        series = np.float32(1 / 5040)
        series = series * rest + np.float32(1 / 720)
        series = series * rest + np.float32(1 / 120)
        series = series * rest + np.float32(1 / 24)
        series = series * rest + np.float32(1 / 6)
        series = series * rest + np.float32(0.5)
        series = series * rest + np.float32(1)
        powers[place] = series * rest + np.float32(1)
    scales = whole.view(np.float32)
    for place in range(len(exponents)):
        powers[place] *= scales[place]


@_compiled
def _sample(
    outputs: Floats, bias: Floats, offset: float, noise: Floats, actions: Floats, logprobs: Floats, column: int
) -> None:
    """Draw actions within [-1, 1], into a column of rows, and their log-probabilities (Haarnoja et al. 2018, app. C).

    With u = μ + σ ε the action is tanh u, and its log-probability Σ −ε² / 2 − log σ − log 2π / 2 − log(1 − tanh² u),
    whose last part is 2 (log 2 − u − softplus(−2u)). Both come from t = exp(−2 |u|): tanh |u| = (1 − t) / (1 + t), and
    softplus(−2u) = max(−2u, 0) + log(1 + t), with log(1 + t) = 2 artanh s, s = t / (2 + t) ≤ 1/3, as its series. What
    the gradient needs is left in outputs (rows, 2): σ ε, and whether log σ lies within its range.
    """
    states, tickers = noise.shape
    one, two, half = np.float32(1), np.float32(2), np.float32(0.5)
    least, most, start = np.float32(LOG_STD_RANGE[0]), np.float32(LOG_STD_RANGE[1]), np.float32(offset)
    constant, log_two = np.float32(0.5 * math.log(2 * math.pi)), np.float32(math.log(2))
    whole, parts = np.empty(tickers, np.int32), np.empty((4, tickers), np.float32)
    log_stds, drawn, powers, chances = parts[0], parts[1], parts[2], parts[3]
    for place in range(states):
        out, eps = outputs[place * tickers : (place + 1) * tickers], noise[place]
        for ticker in range(tickers):
            wanted = out[ticker, 1] + bias[1] + start
            log_stds[ticker] = min(max(wanted, least), most)
            out[ticker, 1] = one if log_stds[ticker] == wanted else np.float32(0)
        _powers(log_stds, whole, powers)
        for ticker in range(tickers):
            moved = powers[ticker] * eps[ticker]
            drawn[ticker] = out[ticker, 0] + bias[0] + moved
            out[ticker, 0] = moved
            chances[ticker] = -two * abs(drawn[ticker])
        _powers(chances, whole, powers)
        for ticker in range(tickers):
            power = powers[ticker]
            ratio = power / (two + power)
            square = ratio * ratio
            series = np.float32(1 / 13)
            series = series * square + np.float32(1 / 11)
            series = series * square + np.float32(1 / 9)
            series = series * square + np.float32(1 / 7)
            series = series * square + np.float32(1 / 5)
            series = series * square + np.float32(1 / 3)
            softplus = max(-two * drawn[ticker], np.float32(0)) + two * ratio * (series * square + one)
            gaussian = -half * eps[ticker] * eps[ticker] - log_stds[ticker] - constant
            chances[ticker] = gaussian - two * (log_two - drawn[ticker] - softplus)
            size = (one - power) / (one + power)
            drawn[ticker] = size if drawn[ticker] > 0 else -size
        total = np.float32(0)
        for ticker in range(tickers):
            total += chances[ticker]
            actions[place * tickers + ticker, column] = drawn[ticker]
        logprobs[place] = total


@_compiled
def _action_values(
    rows: Floats,
    critic: tuple[Floats, ...],
    turned: tuple[Floats, ...],
    hidden: Floats,
    narrow: Floats,
    pooled: Floats,
    deep: Floats,
    values: Floats,
) -> None:
    """Write a critic's values (states, 1) of rows with an action each."""
    _layer(rows, turned[0], critic[1], hidden)
    _layer(hidden, turned[1], critic[3], narrow)
    _pool(narrow, pooled)
    _value(pooled, critic[4:], turned[2], deep, values)


@_compiled
def _actor_outputs(
    rows: Floats, actor: tuple[Floats, ...], turned: tuple[Floats, ...], hidden: Floats, narrow: Floats, outputs: Floats
) -> None:
    """Write the actor's outputs (rows, outputs) but for their bias."""
    _layer(rows, turned[0], actor[1], hidden)
    _layer(hidden, turned[1], actor[3], narrow)
    _multiply(narrow, actor[4], outputs, False, True, False)


@_compiled
def _turn_critics(critics: tuple[tuple[Floats, ...], ...], turned: tuple[tuple[Floats, ...], ...]) -> None:
    """Write the transposes of the weights of critics' first three layers."""
    for number in range(len(critics)):
        _turn(critics[number][0], turned[number][0])
        _turn(critics[number][2], turned[number][1])
        _turn(critics[number][4], turned[number][2])


@_compiled
def _act_by_tanh(outputs: Floats, bias: Floats, noise: Floats, rows: Floats, column: int) -> None:
    """Write actions tanh u + noise, within [-1, 1], into a column of rows, and u in place of outputs (rows, 1)."""
    states, tickers = noise.shape
    for place in range(states):
        for ticker in range(tickers):
            row = place * tickers + ticker
            outputs[row, 0] += bias[0]
            action = np.float32(math.tanh(outputs[row, 0])) + noise[place, ticker]
            rows[row, column] = min(max(action, np.float32(-1)), np.float32(1))


@_compiled
def _slopes_by_action(
    slopes: Floats,
    critic: tuple[Floats, ...],
    turned: tuple[Floats, ...],
    layers: tuple[Floats, Floats, Floats],
    means: Floats,
    back: Floats,
    of_action: Floats,
    add: bool,
) -> None:
    """Write the slopes (rows, 1) by actions from those by a critic's values (states, 1), or add them.

    ``layers`` is what ``_action_values`` wrote: both hidden layers, and the one after the mean.
    """
    wide, slim, low = layers
    unused = np.empty((2, max(len(wide[0]), len(slim[0]))), np.float32)
    of_slim, of_wide = unused[0, : len(slim[0])], unused[1, : len(wide[0])]
    _scored_back(slopes, critic[6], low, of_slim)
    _multiply(low, critic[4], means, False, False, False)
    _pooled_back(means, slim, of_slim)
    _multiply(slim, critic[2], back, False, False, False)
    _rectified_back(back, wide, of_wide)
    column = len(turned[0]) - 1
    _multiply(back, turned[0][column : column + 1], of_action, False, True, add)


@_compiled
def _outputs_back(
    rows: Floats,
    actor: tuple[Floats, ...],
    gradient: tuple[Floats, ...],
    wide: Floats,
    slim: Floats,
    slopes: Floats,
    slim_back: Floats,
    wide_back: Floats,
) -> None:
    """Add the gradient of an actor from the slopes by its outputs."""
    for row in range(len(slopes)):
        for output in range(slopes.shape[1]):
            gradient[5][output] += slopes[row, output]
    _multiply(slopes, slim, gradient[4], True, False, True)
    _multiply(slopes, actor[4], slim_back, False, False, False)
    _rectified_back(slim_back, slim, gradient[3])
    _multiply(slim_back, wide, gradient[2], True, False, True)
    _multiply(slim_back, actor[2], wide_back, False, False, False)
    _rectified_back(wide_back, wide, gradient[1])
    _multiply(wide_back, rows, gradient[0], True, False, True)


@_compiled
def critic_gradients(
    drawn: Integers,
    buffer: tuple[Any, ...],
    table: Floats,
    noise: Floats,
    samples: bool,
    offset: float,
    temperature: float,
    actor: tuple[Floats, ...],
    turned_actor: tuple[Floats, ...],
    critics: tuple[tuple[Floats, ...], ...],
    gradients: tuple[tuple[Floats, ...], ...],
    turned_critics: tuple[tuple[Floats, ...], ...],
    aims: tuple[tuple[Floats, ...], ...],
    turned_aims: tuple[tuple[Floats, ...], ...],
    work: tuple[Floats, ...],
) -> float:
    """Add the gradients of the critics' loss of the drawn transitions; return the loss.

    A critic learns r + γ (min Q'(s', a') − α log π(a' | s')) with a' drawn by the policy (Haarnoja et al. 2018, eq. 5),
    or without the entropy and with a' = tanh u + noise (Fujimoto et al. 2018, eq. 14); r and γ are those of the steps
    up to s'.

    Args:
        drawn: (batch,) places of the transitions, step × envs + env.
        buffer: rows of the states, their days and portfolios, actions, returns, rows of the states after them, and
            discounts: those of ``Replay``.
        table: (days, tickers, inputs) what the networks see of the market.
        noise: (batch, tickers) standard normal numbers, or what is added to the actions.
        samples: whether the policy draws its actions.
        offset: of log σ.
        temperature: α.
        actor: weights and biases of the three layers of the policy that chooses a'.
        turned_actor: to hold the transposes of its first two.
        critics: for each weights and biases of the two layers before the mean and the two after it.
        gradients: arrays of the same shapes, to which is added.
        turned_critics: to hold the transposes of the first three.
        aims: the target networks Q'.
        turned_aims: to hold theirs.
        work: arrays that a block of rows writes over, see ``CompiledShared``.

    """
    starts, days, portfolios, actions, returns, ends, discounts = buffer
    rows, hidden, narrow, back, outputs, pooled, deep, deep_back, values, spare = work
    batch, (envs, tickers), width = len(drawn), actions.shape[1:], table.shape[2]
    block, loss = len(pooled), 0.0
    _turn(actor[0], turned_actor[0])
    _turn(actor[2], turned_actor[1])
    _turn_critics(critics, turned_critics)
    _turn_critics(aims, turned_aims)
    targets, logprobs, slots = np.empty(block, np.float32), np.zeros(block, np.float32), np.empty(block, np.int64)
    for first in range(0, batch, block):
        count = min(block, batch - first)
        high = count * tickers
        seen, wide, slim = rows[:high], hidden[:high], narrow[:high]
        parts = pooled[:count], deep[:count]
        for place in range(count):
            step, env = divmod(drawn[first + place], envs)
            slots[place] = ends[step]
            _look_up(days[slots[place]], portfolios[slots[place], env], table, rows[place * tickers :])
        _actor_outputs(seen, actor, turned_actor, wide, slim, outputs[:high])
        if samples:
            _sample(outputs[:high], actor[5], offset, noise[first : first + count], seen, logprobs, width)
        else:
            _act_by_tanh(outputs[:high], actor[5], noise[first : first + count], seen, width)
        _action_values(seen, aims[0], turned_aims[0], wide, slim, *parts, values[:count])
        for number in range(1, len(aims)):
            _action_values(seen, aims[number], turned_aims[number], wide, slim, *parts, spare[:count])
            for place in range(count):
                values[place, 0] = min(values[place, 0], spare[place, 0])
        for place in range(count):
            step, env = divmod(drawn[first + place], envs)
            value = values[place, 0] - temperature * logprobs[place]
            targets[place] = returns[step, env] + discounts[step] * value
            row = starts[step]
            _look_up(days[row], portfolios[row, env], table, rows[place * tickers :])
            for ticker in range(tickers):
                rows[place * tickers + ticker, width] = actions[step, env, ticker]
        for number in range(len(critics)):
            critic, gradient = critics[number], gradients[number]
            _action_values(seen, critic, turned_critics[number], wide, slim, *parts, values[:count])
            loss += _huber(values[:count], targets[:count], batch)
            of_means = deep_back[:count]
            _value_back(values[:count], pooled[:count], critic[4:], gradient[4:], deep[:count], of_means)
            _pooled_back(of_means, slim, gradient[3])
            _multiply(slim, wide, gradient[2], True, False, True)
            _multiply(slim, critic[2], back[:high], False, False, False)
            _rectified_back(back[:high], wide, gradient[1])
            _multiply(back[:high], seen, gradient[0], True, False, True)
    return loss / batch


@_compiled
def sac_act(
    drawn: Integers,
    buffer: tuple[Any, ...],
    table: Floats,
    noise: Floats,
    offset: float,
    actor: tuple[Floats, ...],
    turned_actor: tuple[Floats, ...],
    whole: tuple[Floats, ...],
    logprobs: Floats,
    block: int,
) -> None:
    """Draw the policy's actions in the drawn states and their log-probabilities; keep what the gradient needs.

    Args:
        drawn: as are all that are not named here, see ``critic_gradients``.
        turned_actor: the transposes, which stand there.
        whole: arrays of the whole batch to be written: rows, both hidden layers, outputs.
        logprobs: (batch,) to be written.
        block: states at once.

    """
    starts, days, portfolios = buffer[:3]
    rows, hidden, narrow, outputs = whole
    envs, (batch, tickers) = portfolios.shape[1], noise.shape
    for first in range(0, batch, block):
        last = min(first + block, batch)
        part = slice(first * tickers, last * tickers)
        for place in range(first, last):
            step, env = divmod(drawn[place], envs)
            _look_up(days[starts[step]], portfolios[starts[step], env], table, rows[place * tickers :])
        _actor_outputs(rows[part], actor, turned_actor, hidden[part], narrow[part], outputs[part])
        chances = noise[first:last]
        _sample(outputs[part], actor[5], offset, chances, rows[part], logprobs[first:last], table.shape[2])


@_compiled
def sac_actor_gradient(
    temperature: float,
    actor: tuple[Floats, ...],
    gradient: tuple[Floats, ...],
    aims: tuple[tuple[Floats, ...], ...],
    turned_aims: tuple[tuple[Floats, ...], ...],
    whole: tuple[Floats, ...],
    work: tuple[Floats, ...],
) -> None:
    """Add the gradient of −objective, the mean of min Q'(s, a) − α log π(a | s), after ``sac_act``.

    By u an action tanh u has the slope 1 − a², log π the slope 2a (of its last part), and by log σ both have those
    times σ ε and log π −1 more. A clipped log σ has none. Only the critic with the least value passes its slope on.

    Args:
        temperature: α.
        actor: weights and biases.
        gradient: arrays of the same shapes, to which is added.
        aims: the target networks Q'.
        turned_aims: to hold their transposes.
        whole: what ``sac_act`` wrote.
        work: arrays that a block of rows writes over, and of the second network what differs.

    """
    all_rows, all_hidden, all_narrow, all_outputs = whole
    hidden, narrow, back, _, pooled, deep, deep_back, values, others = work[1:10]
    other_hidden, other_narrow, other_deep, of_action = work[10:]
    tickers, block, column = len(hidden) // len(pooled), len(pooled), all_rows.shape[1] - 1
    batch = len(all_rows) // tickers
    share = np.float32(temperature / batch)
    _turn_critics(aims, turned_aims)
    for first in range(0, batch, block):
        count = min(block, batch - first)
        high, part = count * tickers, slice(first * tickers, (first + count) * tickers)
        rows, means = all_rows[part], deep_back[:count]
        kept = (
            (hidden[:high], narrow[:high], deep[:count]),
            (other_hidden[:high], other_narrow[:high], other_deep[:count]),
        )
        found = values[:count], others[:count]
        for number in range(2):
            wide, slim, low = kept[number]
            _action_values(rows, aims[number], turned_aims[number], wide, slim, pooled[:count], low, found[number])
        for place in range(count):
            second = found[1][place, 0] < found[0][place, 0]
            found[0][place, 0] = 0 if second else np.float32(-1) / np.float32(batch)
            found[1][place, 0] = np.float32(-1) / np.float32(batch) if second else 0
        for number in range(2):
            critic, written = (aims[number], turned_aims[number], kept[number]), (back[:high], of_action[:high])
            _slopes_by_action(found[number], *critic, means, *written, number == 1)
        outputs = all_outputs[part]
        for row in range(high):
            action, moved = rows[row, column], outputs[row, 0]
            by_drawn = of_action[row, 0] * (np.float32(1) - action * action) + np.float32(2) * share * action
            outputs[row, 0], outputs[row, 1] = by_drawn, (by_drawn * moved - share) * outputs[row, 1]
        layers, written = (all_hidden[part], all_narrow[part]), (other_narrow[:high], back[:high])
        _outputs_back(rows, actor, gradient, *layers, outputs, *written)


@_compiled
def ddpg_actor_gradient(
    drawn: Integers,
    buffer: tuple[Any, ...],
    table: Floats,
    penalty: float,
    actor: tuple[Floats, ...],
    gradient: tuple[Floats, ...],
    turned_actor: tuple[Floats, ...],
    aims: tuple[tuple[Floats, ...], ...],
    turned_aims: tuple[tuple[Floats, ...], ...],
    work: tuple[Floats, ...],
) -> float:
    """Add the gradient of penalty × mean u² − mean Q'(s, tanh u), u = the actor's outputs; return the mean of Q'.

    Args:
        drawn: as are all that are not named here, see ``critic_gradients``.
        penalty: of outputs in the flat ends of tanh.
        gradient: of the actor, to which is added.
        aims: the first one is Q'.
        work: arrays that a block of rows writes over, and of the critic what differs.

    """
    starts, days, portfolios = buffer[:3]
    rows, hidden, narrow, back, outputs, pooled, _, deep_back, values = work[:9]
    other_hidden, other_narrow, other_deep, of_action = work[10:]
    batch, envs, (tickers, width) = len(drawn), portfolios.shape[1], table.shape[1:]
    block, objective = len(pooled), 0.0
    still = np.zeros((block, tickers), np.float32)
    per_output, per_state = np.float32(2 * penalty / (batch * tickers)), np.float32(-1 / batch)
    _turn(actor[0], turned_actor[0])
    _turn(actor[2], turned_actor[1])
    _turn_critics(aims, turned_aims)
    for first in range(0, batch, block):
        count = min(block, batch - first)
        high = count * tickers
        seen, out, found = rows[:high], outputs[:high], values[:count]
        for place in range(count):
            step, env = divmod(drawn[first + place], envs)
            _look_up(days[starts[step]], portfolios[starts[step], env], table, rows[place * tickers :])
        _actor_outputs(seen, actor, turned_actor, hidden[:high], narrow[:high], out)
        _act_by_tanh(out, actor[5], still[:count], seen, width)
        layers, critic = (other_hidden[:high], other_narrow[:high], other_deep[:count]), (aims[0], turned_aims[0])
        _action_values(seen, *critic, layers[0], layers[1], pooled[:count], layers[2], found)
        for place in range(count):
            objective += found[place, 0]
            found[place, 0] = per_state
        _slopes_by_action(found, *critic, layers, deep_back[:count], back[:high], of_action[:high], False)
        for row in range(high):
            action = seen[row, width]
            out[row, 0] = of_action[row, 0] * (np.float32(1) - action * action) + per_output * out[row, 0]
        written = other_narrow[:high], back[:high]
        _outputs_back(seen, actor, gradient, hidden[:high], narrow[:high], out, *written)
    return objective / batch


@_compiled
def _flat_row(portfolio: Floats, seen: Floats, factor: np.float32, out: Floats) -> None:
    """Write what a flat network sees of a state: cash and holdings, scaled, and the day's numbers."""
    own = len(portfolio)
    for number in range(own):
        out[number] = portfolio[number] * factor
    for number in range(len(seen)):
        out[own + number] = seen[number]


@_compiled
def flat_rows(
    drawn: Integers, buffer: tuple[Any, ...], table: Floats, scale: float, following: bool, rows: Floats
) -> None:
    """Write what flat networks see of the drawn transitions: cash, holdings, the day's numbers, and the action.

    Args:
        drawn: (batch,) places of the transitions, step × envs + env.
        buffer: rows of the states, or of those that followed, days and portfolios of all rows, and actions: those of
            ``Replay``.
        table: (days, numbers) of the market.
        scale: of cash and holdings.
        following: whether the states are those that followed, for which no action is written.
        rows: (batch, inputs + actions) to be written.

    """
    starts, days, portfolios, actions = buffer
    (envs, own), market = portfolios.shape[1:], table.shape[1]
    factor = np.float32(scale)
    for place in range(len(drawn)):
        step, env = divmod(drawn[place], envs)
        row = starts[step]
        out = rows[place]
        _flat_row(portfolios[row, env], table[days[row]], factor, out)
        if not following:
            for number in range(actions.shape[2]):
                out[own + market + number] = actions[step, env, number]


@_compiled
def perceptron(rows: Floats, weights: tuple[Floats, ...], layers: tuple[Floats, ...]) -> None:
    """Write both hidden layers and the outputs of three layers' weights and biases, for rows or their first columns."""
    hidden, narrow, outputs = layers
    _multiply(rows, weights[0], hidden, False, True, False)
    _rectify(hidden, weights[1])
    _multiply(hidden, weights[2], narrow, False, True, False)
    _rectify(narrow, weights[3])
    _multiply(narrow, weights[4], outputs, False, True, False)
    bias = weights[5]
    for row in range(len(outputs)):
        for unit in range(len(bias)):
            outputs[row, unit] += bias[unit]


@_compiled
def perceptron_back(
    rows: Floats,
    weights: tuple[Floats, ...],
    gradient: tuple[Floats, ...],
    layers: tuple[Floats, ...],
    back: tuple[Floats, ...],
) -> None:
    """Write the gradient, where zeros were, from the slopes by the outputs, which stand in place of these.

    Args:
        rows: what ``perceptron`` saw.
        weights: and biases.
        gradient: arrays of the same shapes.
        layers: what it wrote, the outputs replaced.
        back: work arrays as large as the hidden layers.

    """
    hidden, narrow, slopes = layers
    for row in range(len(slopes)):
        for unit in range(slopes.shape[1]):
            gradient[5][unit] += slopes[row, unit]
    _multiply(slopes, narrow, gradient[4], True, False, False)
    _multiply(slopes, weights[4], back[1], False, False, False)
    _rectified_back(back[1], narrow, gradient[3])
    _multiply(back[1], hidden, gradient[2], True, False, False)
    _multiply(back[1], weights[2], back[0], False, False, False)
    _rectified_back(back[0], hidden, gradient[1])
    _multiply(back[0], rows, gradient[0], True, False, False)


@_compiled
def perceptron_slopes(
    weights: tuple[Floats, ...],
    layers: tuple[Floats, ...],
    back: tuple[Floats, ...],
    turned: Floats,
    by_action: Floats,
    add: bool,
) -> None:
    """Write the slopes (batch, actions) by the last columns of what ``perceptron`` saw, or add them to what is there.

    Args:
        weights: and biases.
        layers: what ``perceptron`` wrote, the outputs replaced by the slopes by them.
        back: work arrays as large as the hidden layers.
        turned: (actions, width) to hold the first layer's weights of the actions.
        by_action: the result.
        add: whether it is added.

    """
    hidden, narrow, slopes = layers
    unused = np.empty(len(weights[1]) + len(weights[3]), np.float32)
    _multiply(slopes, weights[4], back[1], False, False, False)
    _rectified_back(back[1], narrow, unused[: len(weights[3])])
    _multiply(back[1], weights[2], back[0], False, False, False)
    _rectified_back(back[0], hidden, unused[: len(weights[1])])
    actions, (width, seen) = len(turned), weights[0].shape
    for unit in range(width):
        for action in range(actions):
            turned[action, unit] = weights[0][unit, seen - actions + action]
    _multiply(back[0], turned, by_action, False, True, add)


@_compiled
def perceptron_critic(
    rows: Floats,
    targets: Floats,
    weights: tuple[Floats, ...],
    gradient: tuple[Floats, ...],
    layers: tuple[Floats, ...],
    back: tuple[Floats, ...],
) -> float:
    """Write the gradient of a flat critic's loss of targets (batch,), where zeros were; return the loss."""
    perceptron(rows, weights, layers)
    loss: float = _huber(layers[2], targets, len(targets))
    perceptron_back(rows, weights, gradient, layers, back)
    return loss / len(targets)


@_compiled
def flat_policy_gradients(
    states: Floats,
    table: Floats,
    scale: float,
    drawn: Integers,
    actions: Floats,
    collected: Floats,
    advantages: Floats,
    returns: Floats,
    by_ratio: bool,
    clip: float,
    entropy_weight: float,
    actor: tuple[Floats, ...],
    actor_gradient: tuple[Floats, ...],
    actor_layers: tuple[Floats, ...],
    critic: tuple[Floats, ...],
    critic_gradient: tuple[Floats, ...],
    critic_layers: tuple[Floats, ...],
    rows: Floats,
    back: tuple[Floats, ...],
    logprobs: Floats,
) -> tuple[float, float]:
    """Do what ``policy_gradients`` does with flat networks, where gradients are zeros.

    Args beside those of ``policy_gradients``:
        table: (days, numbers) of the market.
        scale: of cash and holdings.
        actor_layers: both hidden layers and the outputs, to be written.
        critic_layers: the same.
        rows: (batch, inputs) to be written.
        back: work arrays as large as the hidden layers.

    """
    batch, factor = len(drawn), np.float32(scale)
    targets = np.empty(batch, np.float32)
    for place in range(batch):
        state = states[drawn[place]]
        _flat_row(state[1:], table[int(state[0])], factor, rows[place])
        targets[place] = returns[drawn[place]]
    loss = perceptron_critic(rows, targets, critic, critic_gradient, critic_layers, back)
    layers, layers_gradient, log_std = actor[:6], actor_gradient[:6], actor[6]
    perceptron(rows, layers, actor_layers)
    outputs, chosen = actor_layers[2].reshape(-1, 1), (drawn, actions, collected, advantages)
    climbs, of_noise = (by_ratio, clip, batch), (log_std, actor_gradient[6], logprobs)
    objective = _slopes_of_objective(outputs, np.float32(0), *chosen, *climbs, *of_noise)
    perceptron_back(rows, layers, layers_gradient, actor_layers, back)
    actor_gradient[6][0] -= np.float32(entropy_weight)
    return loss, objective / batch + entropy_weight * _entropy(log_std)


@_compiled
def flat_sample(outputs: Floats, offset: float, noise: Floats, actions: Floats, logprobs: Floats, rows: Floats) -> None:
    """Draw actions by SAC's policy from outputs (batch × actions, 2) into rows' last columns, as ``_sample`` does.

    ``actions`` (batch × actions, 1) and ``logprobs`` (batch,) are written too.
    """
    _sample(outputs, np.zeros(2, np.float32), offset, noise, actions, logprobs, 0)
    batch, count = noise.shape
    for place in range(batch):
        for number in range(count):
            rows[place, rows.shape[1] - count + number] = actions[place * count + number, 0]


@_compiled
def flat_sample_back(by_action: Floats, actions: Floats, outputs: Floats, temperature: float, batch: int) -> None:
    """Take slopes (batch × actions, 1) by actions to those by outputs, written over what ``flat_sample`` left there.

    The formulas are those of ``sac_actor_gradient``.
    """
    share = np.float32(temperature / batch)
    for row in range(len(outputs)):
        action, moved = actions[row, 0], outputs[row, 0]
        by_drawn = by_action[row, 0] * (np.float32(1) - action * action) + np.float32(2) * share * action
        outputs[row, 0], outputs[row, 1] = by_drawn, (by_drawn * moved - share) * outputs[row, 1]


@_compiled
def _act(
    states: Floats,
    market: Floats,
    own: Floats,
    actor: tuple[Floats, ...],
    turned: Floats,
    cash_part: Floats,
    hidden: Floats,
    narrow: Floats,
    outputs: Floats,
) -> None:
    """Write the actor's outputs (rows, outputs), but for their bias, for states of a day."""
    _first_layers(states, 0, len(states), market, own, cash_part, hidden)
    _layer(hidden, turned, actor[1], narrow)
    _multiply(narrow, actor[2], outputs, False, True, False)


@_compiled
def explore(
    states: Floats,
    noise: Floats,
    deviation: Floats,
    market: Floats,
    own: Floats,
    actor: tuple[Floats, ...],
    hidden: Floats,
    narrow: Floats,
    outputs: Floats,
    turned: Floats,
    cash_part: Floats,
    actions: Floats,
) -> None:
    """Act with noise on a day, whose part ``market`` is (1, rows of a state, width); see ``walk``."""
    rows, (envs, wanted), bias = market.shape[1], actions.shape, actor[3]
    block = len(hidden) // rows
    for first in range(0, envs, block):
        some = states[first : first + block]
        high = len(some) * rows
        work = hidden[:high], narrow[:high], outputs[:high]
        _act(some, market, own, actor, turned, cash_part, *work)
        means = work[2].reshape(len(some), wanted)
        for place in range(len(some)):
            mean, drawn, out = means[place], noise[first + place], actions[first + place]
            for number in range(wanted):
                out[number] = mean[number] + bias[number % len(bias)] + deviation[0, number] * drawn[number]


def _walks_of(_version: str) -> tuple[Any, Any, Any]:
    """Return the kernels below, whose cache follows the other file too: what their closure holds is part of its key."""

    @_compiled
    def walk(
        noise: Floats,
        deviation: Floats,
        market: Floats,
        own: Floats,
        actor: tuple[Floats, ...],
        hidden: Floats,
        narrow: Floats,
        outputs: Floats,
        turned: Floats,
        cash_part: Floats,
        fixed: tuple[Any, ...],
        first_day: int,
        prices: NDArray[np.float64],
        money: tuple[NDArray[np.float64], ...],
        sums: NDArray[np.float64],
        states: Floats,
        actions: Floats,
        rewards: Floats,
    ) -> None:
        """Act with PPO's noise and step the portfolios, one day after the other, within one run of days.

        Args:
            noise: (steps, envs, actions) standard normal numbers.
            deviation: (1, actions) of the actions.
            market: (steps, rows of a state, width) the first layer's sums over the market's numbers, bias included.
            own: the first layer's weights of the rest: (2, width) of cash and holding, or (2 + tickers, width).
            actor: weights and biases of the layers after it.
            hidden: (rows, width) work array, as are the next two.
            narrow: (rows, second width).
            outputs: (rows, outputs).
            turned: (width, second width) the second layer's weights, transposed.
            cash_part: (width,) work array.
            fixed: what never changes of ``environment.kernels.step``'s arguments.
            first_day: the day of the first state.
            prices: (days, tickers).
            money: cash, holdings, values and trades of the portfolios.
            sums: work array of the environment's kernel.
            states: (steps + 1, envs, 2 + tickers): the first one is there, the others are written.
            actions: (steps, envs, actions) to be written.
            rewards: (steps, envs) to be written.

        """
        assert _version
        work = hidden, narrow, outputs, turned, cash_part
        for step in range(len(actions)):
            part = market[step : step + 1]
            explore(states[step], noise[step], deviation, part, own, actor, *work, actions[step])
            day, following = first_day + step + 1, (rewards[step], states[step + 1], sums)
            environment.step(*fixed, day, prices[day], actions[step], *money, *following)

    @_compiled
    def sac_walk(
        noise: Floats,
        offset: float,
        scale: float,
        market: Floats,
        own: Floats,
        actor: tuple[Floats, ...],
        hidden: Floats,
        narrow: Floats,
        outputs: Floats,
        turned: Floats,
        fixed: tuple[Any, ...],
        first_day: int,
        prices: NDArray[np.float64],
        money: tuple[NDArray[np.float64], ...],
        sums: NDArray[np.float64],
        states: Floats,
        actions: Floats,
        rewards: Floats,
        turnovers: Floats,
    ) -> None:
        """Do the same with SAC's policy, whose actions are the environment's over ``scale``.

        Args beside those of ``walk``:
            offset: of log σ.
            scale: what the environment takes is an action times this.
            turnovers: (steps, envs) what was traded, over the portfolio's value before, to be written.

        """
        assert _version
        steps, envs, tickers = actions.shape
        _turn(actor[0], turned)
        block, arrays = len(hidden) // tickers, (actor, turned, np.empty(len(own[0]), np.float32))
        drawn, logprobs = np.empty((len(hidden), 1), np.float32), np.empty(block, np.float32)
        orders, before = np.empty((envs, tickers), np.float32), np.empty(envs)
        for step in range(steps):
            for first in range(0, envs, block):
                last = min(first + block, envs)
                high = (last - first) * tickers
                work = hidden[:high], narrow[:high], outputs[:high]
                _act(states[step, first:last], market[step : step + 1], own, *arrays, *work)
                _sample(outputs[:high], actor[3], offset, noise[step, first:last], drawn, logprobs, 0)
                for env in range(first, last):
                    for ticker in range(tickers):
                        action = drawn[(env - first) * tickers + ticker, 0]
                        actions[step, env, ticker], orders[env, ticker] = action, action * np.float32(scale)
            before[:] = money[2]
            day, following = first_day + step + 1, (rewards[step], states[step + 1], sums)
            environment.step(*fixed, day, prices[day], orders, *money, *following)
            for env in range(envs):
                turnovers[step, env] = money[3][env] / max(before[env], 1e-300)

    @_compiled
    def trade(
        market: Floats,
        own: Floats,
        actor: tuple[Floats, ...],
        hidden: Floats,
        narrow: Floats,
        outputs: Floats,
        action: Floats,
        reward: Floats,
        fixed: tuple[Any, ...],
        first_day: int,
        prices: NDArray[np.float64],
        money: tuple[NDArray[np.float64], ...],
        sums: NDArray[np.float64],
        state: Floats,
        values: NDArray[np.float64],
        traded: NDArray[np.float64],
        holdings: NDArray[np.float64],
    ) -> None:
        """Step one portfolio by PPO's mean action, and write its trace.

        By the very products that torch makes, so that an episode is the same to the bit: BLAS may add up in another
        order where the second layer's weights are turned before.

        Args beside those of ``walk``:
            action: (1, tickers) work array, as is the next.
            reward: (1,).
            state: (1, 2 + tickers) the first state, written over.
            values: (steps, 1) to be written, as are the next two, see ``Trace``.
            traded: (steps, 1).
            holdings: (steps, tickers, 1), or of no steps.

        """
        assert _version
        tickers, cash_part = len(market[0]), np.empty(len(own[0]), np.float32)
        work = hidden[:tickers], narrow[:tickers], outputs[:tickers]
        for step in range(len(values)):
            _first_layer(state[0], market[step], own, cash_part, work[0])
            _multiply(work[0], actor[0], work[1], False, True, False)
            _rectify(work[1], actor[1])
            _multiply(work[1], actor[2], work[2], False, True, False)
            for ticker in range(tickers):
                action[0, ticker] = work[2][ticker, 0] + actor[3][0]
            day = first_day + step + 1
            environment.step(*fixed, day, prices[day], action, *money, reward, state, sums)
            values[step], traded[step] = money[2], money[3]
            if len(holdings):
                holdings[step] = money[1]

    return walk, sac_walk, trade


walk, sac_walk, trade = _walks_of(hashlib.sha256(Path(environment.__file__).read_bytes()).hexdigest())
CACHE = Path(walk.stats.cache_path)
