"""What benchmarks/attack_effects.py says of rows: made-up ones, and the committed ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import attack_effects  # noqa: E402

RESULTS = BENCHMARKS / "results"
BEFORE = np.linspace(20, 80, 12)
AIM = np.where(BEFORE >= 50, -1, 1)


def row(attack: str, effect: float, defence: str = "ms", level: int = 8, n: int = 12, **options: Any) -> dict[str, Any]:
    """An attack that moves each score by ``effect`` points the way that it was after, less one in 8 bits."""
    after, stored = BEFORE + AIM * effect, BEFORE + AIM * (effect - 1)
    section = "bare" if defence == "none" else "smoothed"
    job = {"section": section, "metric": "builtin", "defence": defence, "attack": attack, "norm": "linf"}
    return {
        "job": job | {"level": level, "options": [list(one) for one in options.items()]},
        "identity": {"objective": "far", "middle": 50.0}, "gradient_l1": [2.0] * n if attack == "fgsm" else [],
        "scores": np.stack([BEFORE, after, stored], axis=1)[:n].tolist(), "robustness": {"n": n},
    }  # fmt: skip


def attacked(defence: str, black: float, transfer: float) -> list[dict[str, Any]]:
    return [
        row("fgsm", 10, defence), row("apgd", 19, defence), row("pgd", 20, defence), row("pgd", 12, defence, level=2),
        row("pgd", 21, defence, restarts=3), row("square", black, defence, queries=100),
        row("transfer", transfer, defence, source="builtin"), row("uap", 5, defence, pattern=f"builtin {defence}"),
        row("uap", 2, defence, pattern="builtin"),
    ]  # fmt: skip


def checks(report: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in report["checks"]}


def test_effects_are_positive_where_the_attack_got_what_it_was_after() -> None:
    assert attack_effects.effects(row("pgd", 7)).tolist() == pytest.approx([7] * 12)
    assert attack_effects.effects(row("pgd", 7), attack_effects.STORED).tolist() == pytest.approx([6] * 12)
    assert attack_effects.effects(row("pgd", -3)).tolist() == pytest.approx([-3] * 12)
    for aim, expected in (("raise", 7 * AIM), ("lower", -7 * AIM), ("move", 7 * np.ones(12))):
        one = row("pgd", 7) | {"identity": {"objective": aim, "middle": None}}
        assert attack_effects.effects(one).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("made", "name", "knows"),
    [
        (row("pgd", 1, steps=10), "pgd", True),
        (row("pgd", 1, steps=10, restarts=1), "pgd", True),
        (row("pgd", 1, restarts=3), "pgd, 3 starts", True),
        (row("transfer", 1, source="builtin"), "transfer from bare", False),
        (row("uap", 1, pattern="builtin"), "uap from bare", False),
        (row("uap", 1, pattern="builtin ms"), "uap", True),
        (row("transfer", 1, "none", source="eonss"), "transfer", True),
        (row("uap", 1, "none", pattern="builtin"), "uap", True),
    ],
)
def test_who_knows_the_defence(made: dict[str, Any], name: str, knows: bool) -> None:
    assert attack_effects.label(made["job"]) == name
    assert attack_effects.adaptive(made["job"]) is knows


def test_no_sign_of_masking_where_gradients_are_strongest() -> None:
    found = attack_effects.masking(attacked("ms", 3, 4))
    assert list(found) == ["builtin, ms, linf 2/255", "builtin, ms, linf 8/255"]
    names = ("steps", "restarts", "transfer", "black box", "budget", "zero gradients")
    assert checks(found["builtin, ms, linf 8/255"]) == dict.fromkeys(names, "clear")
    assert set(checks(found["builtin, ms, linf 2/255"]).values()) == {"not checked", "clear"}


@pytest.mark.parametrize(("black", "transfer", "flag"), [(25, 4, "black box"), (3, 25, "transfer")])
def test_what_beats_gradients_is_flagged(black: float, transfer: float, flag: str) -> None:
    assert attack_effects.masking(attacked("ms", black, transfer))["builtin, ms, linf 8/255"]["flags"] == [flag]


def test_the_pattern_of_the_bare_metric_does_not_stand_in_for_the_adaptive_one() -> None:
    rows = attacked("ms", 3, 4)
    assert len(attack_effects.best(rows)) == len(rows)
    again = [row("pgd", 30, n=6), row("pgd", 22)]
    kept = [one for one in attack_effects.best([*rows, *again]) if attack_effects.label(one["job"]) == "pgd"]
    assert [one["scores"][0][1] for one in kept if one["job"]["level"] == 8] == [20 + 22], "of most images, the last"


def test_rows_of_fewer_images_are_left_out_of_pairs() -> None:
    rows = [row("fgsm", 3, n=6, level=4), *attacked("ms", 3, 4)]
    assert {one["level"] for one in attack_effects.comparisons(rows)} == {2, 8}


def test_attacks_in_pairs() -> None:
    rows = [row("pgd", 50, "none"), *attacked("dms-iqa", 3, 4)]
    rows += [row("pgd", 26), row("square", 2.5)]
    found = {(one["defence"], one["attack"], one["level"]): one for one in attack_effects.comparisons(rows)}
    assert [key[0] for key in found] == ["ms"] * 2 + ["dms-iqa"] * 9, "MS first, and nothing that is undefended"
    pgd, transfer = found["dms-iqa", "pgd", 8], found["dms-iqa", "transfer from bare", 8]
    assert pgd["effect"]["value"] == pytest.approx(19)
    assert pgd["over_pgd"] is pgd["stronger_than_pgd"] is None
    assert pgd["on_ms_over_here"]["value"] == pytest.approx(6)
    assert (pgd["one_aim"], transfer["one_aim"]) == (12, None)
    assert transfer["over_pgd"]["value"] == pytest.approx(-16)
    assert (transfer["stronger_than_pgd"], transfer["adaptive"], transfer["n"]) == (0, False, 12)
    assert transfer["on_ms_over_here"] is None, "it was not made on MS"
    assert found["dms-iqa", "pgd, 3 starts", 8]["stronger_than_pgd"] == 12
    assert found["ms", "square", 8]["on_ms_over_here"] is None


def test_images_that_were_attacked_in_two_directions_are_counted() -> None:
    other = row("pgd", 20, "dms-iqa")
    for scores in other["scores"][:4]:
        scores[0] += 60  # from below the middle to above it
    (found,) = (one for one in attack_effects.comparisons([row("pgd", 20), other]) if one["defence"] == "dms-iqa")
    assert found["one_aim"] == 8


def test_intervals_are_of_paired_differences() -> None:
    spread = row("pgd", 20)
    other = row("square", 0)
    for one, shift in ((spread, 0.0), (other, -1.0)):
        for index, scores in enumerate(one["scores"]):
            scores[2] = scores[0] + AIM[index] * (10 + index % 3 + shift + (0.1 if index % 2 else 0) * (shift != 0))
    found = {one["attack"]: one for one in attack_effects.comparisons([spread, other])}
    low, high = found["square"]["over_pgd"]["interval"]
    assert -1 < low < found["square"]["over_pgd"]["value"] < high < -0.89, "narrower than the spread of either"
    wide = found["pgd"]["effect"]["interval"]
    assert wide[1] - wide[0] > 0.5


def test_the_committed_files_are_what_the_committed_rows_say() -> None:
    rows = [json.loads(line) for line in (RESULTS / "attacks.jsonl").read_text(encoding="utf-8").splitlines()]
    attacks = [one for one in rows if one["job"]["section"] in ("bare", "smoothed")]
    said = json.loads((RESULTS / "attacks_masking.json").read_text(encoding="utf-8"))
    assert attack_effects.masking(attacks) == said
    effects = json.loads((RESULTS / "attacks_effects.json").read_text(encoding="utf-8"))
    again = attack_effects.comparisons(attacks)
    assert len(again) == len(effects) > 0
    for one, other in zip(effects, again, strict=True):
        for name in ("effect", "over_pgd", "on_ms_over_here"):  # another NumPy may draw other resamples
            first, second = one.pop(name), other.pop(name)
            assert (first is None) == (second is None)
            assert first is None or first["value"] == pytest.approx(second["value"], abs=1e-9)
        assert one == other
