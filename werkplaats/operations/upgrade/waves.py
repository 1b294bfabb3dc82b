"""In which order stations move: pure, so that `--dry-run` shows what will be done.

A session needs all parties of one set, and waits for a station that is being replaced. So at most one station that
computes is away at a time, and of the others no more than a group.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from base import errors

GROUP = 6
"""Stations that move at once: one run of the engine for all of them, and few enough to see what is wrong."""
Waves = tuple[tuple[str, ...], ...]


def waves(stations: Collection[str], computing: Sequence[str], *, canary: str = "", group: int = GROUP) -> Waves:
    """The waves in which `stations` move; `computing` are all that compute in whatever set, of whichever operator.

    The first is the canary alone: who volunteers, else one that only contributes, since without it the others still
    compute. Raises UsageError where the canary is none of them, or a group is none.
    """
    if not stations:
        return ()
    if canary and canary not in stations:
        raise errors.UsageError(f"{canary} does not move", f"name one of: {', '.join(sorted(stations))}")
    if group < 1:
        raise errors.UsageError(f"a group of {group} is none", "name at least 1")
    parties = [one for one in computing if one in stations]
    others = sorted(one for one in stations if one not in computing)
    first = canary or (others or parties[::-1])[0]
    parties, others = ([one for one in rest if one != first] for rest in (parties, others))
    found: list[tuple[str, ...]] = [(first,)]
    while parties or others:
        beside = 1 if parties else 0
        found.append((*others[: group - beside], *parties[:1]) if group > beside else (*parties[:1],))
        others, parties = others[max(0, group - beside) :], parties[1:]
    return tuple(found)


def back(moved: Waves) -> Waves:
    """The same the other way round: who moved last goes back first, and the canary last."""
    return tuple(tuple(reversed(wave)) for wave in reversed(moved))


def estimate(planned: Waves, seconds: Mapping[str, float], usual: float) -> list[float]:
    """How long each wave will take, by how long each station took before; `usual` of one that never moved.

    The stations of a wave are made one after another by a few workers of the engine, so that their times add up.
    """
    return [sum(seconds.get(one, usual) for one in wave) for wave in planned]
