"""Segmentation: where a series of levels is best cut when every cut has its price."""

from math import sqrt

from soakwatch.detector.sample import FloatArray

_SHORTEST = 5
"""Points that a level lasts at least: a spike is not one."""


def segmented(levels: FloatArray, penalty: float) -> list[int]:
    """Indices at which another segment of `levels` (n,) begins, the best for squared errors plus `penalty` per cut.

    Exact, in about linear time: Killick, Fearnhead and Eckley, "Optimal detection of changepoints with a linear
    computational cost", JASA 107, 2012, as KernelCPD of ruptures does it with a linear kernel. `penalty` has the
    unit of the squared levels; where it is a multiple of their long-run variance, it knows of autocorrelation.
    """
    from ruptures.detection.kernelcpd import KernelCPD  # half a second, for scipy.stats

    if levels.size < 2 * _SHORTEST:
        return []
    # scaled, because the cost of a linear kernel is accumulated in absolute terms
    scaled = (levels - levels.mean()).reshape(-1, 1) / sqrt(penalty)
    ends = KernelCPD(kernel="linear", min_size=_SHORTEST).fit(scaled).predict(pen=1.0)
    return [int(end) for end in ends[:-1]]
