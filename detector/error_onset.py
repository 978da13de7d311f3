"""Onset of errors: since when more requests fail than usual."""

import numpy as np

from soakwatch.detector.sample import FloatArray

_CONFIDENCE = 0.9
_MOST_SAID = 6.0
"""Most that one step says (a ratio of likelihoods, as a logarithm): else a burst long before would be the onset."""


def onset_steps(asked: FloatArray, failed: FloatArray, usual: float, least: float) -> tuple[float, float]:
    """Between how many steps before the end it began: (earliest, latest), with 90 % confidence.

    `asked` and `failed` (n,) are requests and failures by step, `usual` the share that fails otherwise, `least` the
    smallest share that counts as more. For each step the likelihood that failures are Poisson with the usual share
    before it and with a raised one from it on, with a flat prior (Raftery and Akman, "Bayesian analysis of a Poisson
    process with a change-point", Biometrika 73, 1986), where the raised share is the one since the likeliest step. It
    begins within a step, so the steps on both sides belong to the interval.
    """
    raised = least
    for _ in range(2):
        gain = _gain(asked, failed, usual, raised)
        began = asked.size - int(np.argmax(gain))
        raised = max(least, float(failed[-began:].sum() / max(asked[-began:].sum(), 1.0)))
    gain = _gain(asked, failed, usual, raised)
    weight = np.exp(gain - gain.max())
    weight /= weight.sum()
    most = np.argsort(-weight, kind="stable")
    chosen = most[: int(np.searchsorted(np.cumsum(weight[most]), _CONFIDENCE)) + 1]
    return float(asked.size - chosen.min() + 1), float(asked.size - chosen.max() - 1)


def _gain(asked: FloatArray, failed: FloatArray, usual: float, raised: float) -> FloatArray:
    said = failed * np.log(raised / usual) - asked * (raised - usual)
    gain: FloatArray = np.cumsum(np.clip(said, -_MOST_SAID, _MOST_SAID)[::-1])[::-1]
    return gain
