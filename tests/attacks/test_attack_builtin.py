"""Every attack on the built-in metric and real photographs: the score goes where the objective says."""

import pytest

from certiqa import attacks

SIGN = {"raise": 1, "lower": -1}
SLOW = {
    "apgd": {"steps": 20},
    "madc": {"steps": 15},
    "nes": {"queries": 252},
    "perceptual": {"steps": 15},
    "pgd": {"steps": 15},
    "simba": {"queries": 90},
    "square": {"queries": 90},
}


@pytest.mark.parametrize("aim", SIGN)
@pytest.mark.parametrize("name", ["apgd", "i-fgsm", "korhonen", "madc", "nes", "perceptual", "pgd", "simba", "square"])
def test_attacks_in_many_steps(builtin, crop, name, aim):
    budgets = [b for b in ("linf:2/255", "l2:0.7") if b.split(":")[0] in attacks.card(name).norms]
    for image, budget in zip((crop("coffee"), crop("chelsea", 70, 65)), (budgets[0], budgets[-1]), strict=True):
        result = attacks.load(name, **SLOW.get(name, {}))(builtin, image, aim, budget)[0]
        assert SIGN[aim] * result.change > 0.1
        assert SIGN[aim] * result.change_quantised > 0.1
        assert result.within_budget
        assert result.within_budget_quantised
        assert 0 <= result.score_after <= 100


@pytest.mark.parametrize("aim", SIGN)
@pytest.mark.parametrize("name", ["fgsm", "frequency"])
@pytest.mark.parametrize("budget", ["linf:0.0004", "l2:0.03", "ssim:0.9999"])
def test_attacks_in_one_step_where_the_score_is_nearly_linear(builtin, crop, name, aim, budget):
    result = attacks.load(name, quantise=False)(builtin, crop("coffee"), aim, budget)[0]
    assert SIGN[aim] * result.change > 0
    assert result.within_budget


@pytest.mark.parametrize("aim", SIGN)
def test_perceptual_budgets(builtin, crop, aim):
    for name in ("apgd", "perceptual"):
        options = {"apgd": {"steps": 12}, "perceptual": {"steps": 12}}[name]
        result = attacks.load(name, **options)(builtin, crop("coffee"), aim, "ssim:0.99")[0]
        assert SIGN[aim] * result.change > 1
        assert min(result.ssim, result.ssim_quantised) >= 0.99


@pytest.mark.parametrize("aim", SIGN)
def test_a_universal_pattern(builtin, crop, patterns, aim):
    images = [crop(name, 96, 96) for name in ("astronaut", "chelsea", "rocket", "coffee")]
    results = attacks.load("uap", pattern=patterns[aim])(builtin, images, aim, attacks.LInf(0.03))
    assert sum(SIGN[aim] * one.change for one in results) > 1
    assert patterns[aim].card["mean_gain"] > 0
    assert patterns[aim].card["model"] == "builtin"


@pytest.mark.parametrize("aim", SIGN)
def test_transfer_from_a_cousin(builtin, crop, aim):
    attack = attacks.load("transfer", source=lambda x: builtin(0.95 * x + 0.02), attack_options={"steps": 15})
    result = attack(builtin, crop("coffee"), aim, "linf:2/255")[0]
    assert SIGN[aim] * result.change > 0


def test_jpeg_is_no_defence(builtin, crop, jpeg):
    """Through the real codec, the soft one as surrogate: more than an attack that does not know of it."""
    image, attack = crop("chelsea", 64, 64), attacks.load("apgd", steps=20)
    defended = attacks.bpda(jpeg, attacks.differentiable_jpeg(75))
    adaptive = attack(lambda x: builtin(defended(x)), image, "raise", "linf:4/255")[0]
    unaware = attacks.load("transfer", source=builtin, attack=attack)
    static = unaware(lambda x: builtin(jpeg(x)), image, "raise", "linf:4/255")[0]
    assert float(builtin(jpeg(adaptive.image[None]))) == pytest.approx(adaptive.score_after, abs=0.01)
    assert adaptive.change > static.change


def test_a_pair_of_photographs_is_flipped(builtin, crop):
    results = attacks.load("pgd", steps=20)(builtin, [crop("coffee"), crop("astronaut", 80, 66)], "rank-flip", "l2:1")
    assert results[0].flipped
    assert results[0].flipped_quantised
