"""The same steps as the implementations of two other packages: captum and the Adversarial Robustness Toolbox."""

import numpy as np
import pytest
import torch
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
from art.estimators.regression.pytorch import PyTorchRegressor
from captum.robust import FGSM, PGD

from certiqa import attacks

STEPS = 8
BUDGETS = {"linf": 4 / 255, "l2": 0.5}


@pytest.fixture
def setting(help_):
    model = help_.Smooth()
    return model, help_.noise(1, 3, 13, 17, seed=3, low=0.1, high=0.9)


def ours(setting, name, aim, kind):
    options = {} if name == "fgsm" else {"steps": STEPS, "step": 0.25, "random_start": False}
    attack = attacks.load(name, quantise=False, **options)
    return attack(*setting, aim, f"{kind}:{BUDGETS[kind]}")[0].image


def farthest(setting, name, kind, theirs):
    """The largest difference to ours: 'raise', then 'lower'."""
    return [float((ours(setting, name, aim, kind) - theirs).abs().max()) for aim in ("raise", "lower")]


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
@pytest.mark.parametrize("name", ["fgsm", "pgd"])
@pytest.mark.parametrize("aim", ["raise", "lower"])
def test_captum(setting, name, aim):
    """For l_inf; captum's PGD for l2 takes sign steps, which is another attack."""
    model, image = setting
    kind = FGSM if name == "fgsm" else PGD
    theirs = kind(model, loss_func=lambda out, target: out, lower_bound=0, upper_bound=1)
    radius = BUDGETS["linf"]
    down = {"target": torch.zeros(1), "targeted": aim == "lower"}
    if name == "fgsm":
        found = theirs.perturb(image, epsilon=radius, **down)
    else:
        found = theirs.perturb(image, radius=radius, step_size=radius / 4, step_num=STEPS, norm="Linf", **down)
    up, low = farthest(setting, name, "linf", found)
    agrees, differs = (up, low) if aim == "raise" else (low, up)
    assert agrees < 1e-6
    assert differs > 1e-3, "the test can fail"


class Signed(torch.nn.Module):
    """The loss that ART climbs: the score, or its negative."""

    def __init__(self, sign):
        super().__init__()
        self.sign = sign

    def forward(self, output, target):
        return self.sign * output.mean()


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
@pytest.mark.parametrize("kind", BUDGETS)
@pytest.mark.parametrize("aim", ["raise", "lower"])
def test_art(setting, toys, name, kind, aim):
    model, image = setting
    column = toys.Wrapped(lambda x: model(x)[:, None]).eval()
    loss = Signed(1 if aim == "raise" else -1)
    regressor = PyTorchRegressor(column, loss=loss, input_shape=(3, 13, 17), clip_values=(0.0, 1.0), device_type="cpu")
    settings = {"norm": np.inf if kind == "linf" else 2, "eps": BUDGETS[kind], "batch_size": 1}
    if name == "fgsm":
        theirs = FastGradientMethod(regressor, **settings)
    else:
        theirs = ProjectedGradientDescent(
            regressor, eps_step=BUDGETS[kind] / 4, max_iter=STEPS, verbose=False, **settings
        )
    found = torch.from_numpy(theirs.generate(image.numpy(), y=np.zeros((1, 1), np.float32)))
    up, low = farthest(setting, name, kind, found)
    agrees, differs = (up, low) if aim == "raise" else (low, up)
    assert agrees < 2e-6
    assert differs > 1e-3, "the test can fail"
