"""What benchmarks/attacks.py computes: presets, and the rows in the order in which they are worth having."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eonss import WEIGHTS as EONSS

import certiqa
from certiqa import attacks

LEVELS = (2, 4, 8)
FIRST = ("linf", 8), ("linf", 2), ("linf", 4), ("l2", 4), ("l2", 8), ("l2", 2)  # of smoothed metrics
RESTARTS = 3
Json = dict[str, Any]
Named = tuple[str, Json]


@dataclass(frozen=True)
class Preset:
    """How much everything gets."""

    images: int
    """For bare and theorem; 0: all of the part."""
    smoothed: int
    """For smoothed; 0: all of the part."""
    defences: tuple[str, ...]
    """For smoothed: MS, and denoisers; one that is not shipped is passed over."""
    steps: int
    """Of iterated attacks."""
    queries: int
    """Of attacks by scores, on undefended metrics."""
    smoothed_queries: int
    """Of attacks by scores, on smoothed metrics; each is the mean of ``draws`` scores."""
    draws: int
    """Noisy copies per step."""
    n: int
    """Scores of a reported median."""
    certificates: int
    """For soundness; each is attacked len(RADII) times in both directions."""
    certificate_n: int
    """Scores of each certificate."""
    fresh: int
    """Fresh scores at each attacked image."""


PRESETS = {
    "smoke": Preset(2, 2, ("ms", "dms-iqa"), 2, 6, 6, 2, 8, 1, 200, 200),
    "cpu": Preset(16, 10, ("ms", "dms-iqa"), 10, 60, 100, 4, 60, 64, 1000, 300),
    "full": Preset(0, 0, ("ms", "dms", "dms-iqa"), 20, 1000, 1000, 16, 200, 256, 2000, 10_000),
}


@dataclass(frozen=True)
class Job:
    """One row."""

    section: str
    metric: str
    defence: str = "none"
    attack: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    norm: str = ""
    level: int = 0

    def words(self) -> str:
        budget = f"{self.norm} {self.level}/255" if self.norm else ""
        return " ".join(filter(None, (self.section, self.metric, self.defence, self.attack, budget)))


def bare_attacks(preset: Preset, metric: str) -> list[Named]:
    """Names and options; the transferred ones by what they come from, which attacks.py loads."""
    few: Json = {"steps": preset.steps}
    found: list[Named] = [
        ("fgsm", {}), ("i-fgsm", few), ("pgd", few), ("apgd", few), ("korhonen", few), ("madc", few),
        ("frequency", {}), ("perceptual", {"steps": 2 * preset.steps}),
        ("nes", {"queries": preset.queries, "population": min(20, preset.queries // 3)}),
        ("simba", {"queries": preset.queries}), ("square", {"queries": preset.queries}),
    ]  # fmt: skip
    if EONSS.exists():
        found.append(("transfer", {"source": "builtin" if metric == "eonss" else "eonss", "attack_options": few}))
        found.append(("uap", {"pattern": metric}))
    return found


def smoothed_attacks(preset: Preset, metric: str, defence: str, norm: str, level: int) -> list[Named]:
    """Names and options.

    All but two know the defence: they follow the gradient, or the scores, of fresh noisy copies, through the denoiser
    where there is one. "transfer" and the pattern of the bare metric do not: what they do is the least that a defence
    has to stand, and says nothing about an enemy who knows it.
    """
    few: Json = {"steps": preset.steps}
    found: list[Named] = [("fgsm", {}), ("apgd", few)]
    if norm != "linf":
        return found
    found += [
        ("pgd", few), ("transfer", {"source": metric, "attack_options": few}),
        ("uap", {"pattern": f"{metric} {defence}"}), ("uap", {"pattern": metric}),
    ]  # fmt: skip
    if level in (LEVELS[0], LEVELS[-1]):
        found += [
            ("square", {"queries": preset.smoothed_queries}), ("korhonen", few),
            ("perceptual", {"steps": 2 * preset.steps}),
        ]  # fmt: skip
    return [*found, *restarted(preset)] if level == LEVELS[-1] else found


def restarted(preset: Preset) -> list[Named]:
    """PGD from several random points."""
    return [("pgd", {"steps": preset.steps, "restarts": RESTARTS})]


def plan(preset: Preset) -> Iterator[Job]:
    """All rows, cheap sections first."""
    metrics = ["builtin", *(["eonss"] if EONSS.exists() else [])]
    for metric in metrics:
        yield Job("theorem", metric)
    for metric in metrics:
        for name, options in [*bare_attacks(preset, metric), *restarted(preset)]:
            for norm in ("linf", "l2"):
                if norm in attacks.card(name).norms and not (norm == "l2" and "restarts" in options):
                    for level in LEVELS:
                        yield Job("bare", metric, "none", name, tuple(options.items()), norm, level)
    defences = [name for name in preset.defences if name == "ms" or name in certiqa.denoisers.names()]
    for norm, level in FIRST:
        for defence in defences:
            for name, options in smoothed_attacks(preset, "builtin", defence, norm, level):
                yield Job("smoothed", "builtin", defence, name, tuple(options.items()), norm, level)
    for metric in ("builtin-noise-192", "builtin"):
        yield Job("soundness", metric)
