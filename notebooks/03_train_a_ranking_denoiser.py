# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Train a ranking denoiser
#
# A metric that never saw noise scores noisy pictures badly, and the median of bad scores is no better. A denoiser
# between the noise and the metric helps (DMS), and one that was trained *through the metric*, to keep its scores and
# their order, helps more (DMS-IQA, arXiv 2411.12575). The certificate holds for any denoiser, because a denoiser sees
# the noisy picture only.
#
# This notebook trains one, in a minute, on windows of four photographs. What so small a training can show is how it
# is done, and that the loss goes where it should; it cannot show that the denoiser is good, for the pictures that it
# is measured on are those of the training. The denoisers that ship were trained on thousands of pictures and measured
# on others: [denoisers](../docs/denoisers.md), [what smoothing keeps](../docs/smoothing.md).

# %%
# %matplotlib inline
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import certiqa
from certiqa import denoisers
from certiqa.data.distortions import distort
from certiqa.denoisers.config import TrainingConfig
from certiqa.denoisers.training import train
from certiqa.training.pictures import ImagePool, TrainingImage

SIGMA = 0.12


def window(name, side=160):
    """The middle of a sample photograph, (3, side, side) in [0, 1]."""
    picture = Image.open(certiqa.samples.path(name)).convert("RGB")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return torch.from_numpy(np.array(picture.crop((left, top, left + side, top + side)))).permute(2, 0, 1) / 255


# %% [markdown]
# ## Pictures whose order is known
#
# The ranking loss wants an order. Nobody rated these photographs; so there are no human scores (`mos` is left out),
# and the loss takes the order of the metric's own scores of the clean windows. To have something to put in order,
# every photograph comes in several strengths of a few distortions.

# %%
kinds = [("jpeg", 3), ("jpeg", 5), ("gaussian-blur", 2), ("gaussian-blur", 4), ("contrast", 4)]
pictures = {}
for name in certiqa.samples.names():
    pictures[f"{name}, as it is"] = window(name)
    pictures |= {f"{name}, {kind} {level}": distort(window(name), kind, level, seed=level) for kind, level in kinds}
bytes_of = {name: one.mul(255).round().byte() for name, one in pictures.items()}
pool = ImagePool([TrainingImage(one.numpy(), name) for name, one in bytes_of.items()], 96, part=lambda content: "fit")
print(len(pool), "pictures,", bytes_of["coffee, as it is"].shape)

# %% [markdown]
# ## First the picture, then the score
#
# The squared error first, as for DMS; then, from these weights, the target loss (the score shall be that of the clean
# picture) and the ranking loss (scores shall stand in the right order) as well, through the metric, whose weights
# stay as they are.

# %%
metric = certiqa.metrics.load("builtin", "cpu")
common = {"sigma": SIGMA, "crop": 96, "ema": 0.9, "bfloat16": False, "seed": 0}
first = TrainingConfig(mse=1.0, batch=8, steps=120, lr=2e-3, **common)
mse = denoisers.load(train(first, pool, Path("mse.safetensors")).path)

second = TrainingConfig(mse=1.0, target=0.02, ranking=0.02, batch=8, steps=80, lr=1e-3, **common)
iqa = denoisers.load(train(second, pool, Path("iqa.safetensors"), metric=metric, start=mse).path)
print("losses:", iqa.card.losses, "through", iqa.card.metric, "at sigma", iqa.card.sigma_range)

# %% [markdown]
# ## Smoothed, in four ways
#
# MS has no denoiser. Then the two that were trained here, and `dms-iqa`, which ships with the package. Each is
# smoothed with the same noise, on all the pictures; the order is compared with that of the metric's own clean scores.

# %%
from certiqa.evaluation.correlation import srocc

batch = torch.stack(list(bytes_of.values()))
with torch.no_grad():
    clean = metric(batch / 255).numpy()
ways = {"MS": None, "mse, trained here": mse, "iqa, trained here": iqa, "dms-iqa": denoisers.load("dms-iqa")}
scores = {}
for way, denoiser in ways.items():
    arguments = {"sigma": SIGMA, "n": 15, "seed": 0}
    smooth = (
        certiqa.MedianSmoothing(metric, **arguments)
        if denoiser is None
        else certiqa.DenoisedMedianSmoothing(metric, denoiser, **arguments)
    )
    scores[way] = smooth.eval()(batch).numpy()
order = {way: srocc(clean, found) for way, found in scores.items()}
error = {way: float(np.abs(found - clean).mean()) for way, found in scores.items()}
for way in ways:
    print(f"{way:18} SROCC with the clean scores {order[way]:+.3f}, mean change of the score {error[way]:5.1f}")

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), dpi=72, layout="constrained", sharex=True, sharey=True)
for axis, way in zip(axes, ways, strict=True):
    axis.plot([0, 100], [0, 100], color="#b8b8b8", lw=1)
    axis.scatter(clean, scores[way], s=10, color="#1f3a5f")
    axis.set_title(way, fontsize=9)
    axis.set_xlabel("score of the clean picture", fontsize=8)
axes[0].set_ylabel("smoothed score")
plt.show()

# %% [markdown]
# What to see: the denoiser that was trained through the metric brings the smoothed scores nearer to the clean ones
# than the one that only restores the picture. After so few steps, the one that only restores the picture need not
# even beat no denoiser at all. What not to conclude: that the one trained here is as good as another. These are the
# pictures that it learned from, few of them, and the median of a few draws of noise; a fair comparison needs pictures
# that no training has seen, and human scores. That is what [smoothing](../docs/smoothing.md) reports of the denoisers
# that ship.
#
# ## A restored picture is not a kept score
#
# The same denoisers, judged by the picture alone:

# %%
noisy = batch / 255 + SIGMA * torch.randn(batch.shape, generator=torch.Generator().manual_seed(1))
restored = {}
with torch.no_grad():
    for way, denoiser in ways.items():
        shown = (noisy if denoiser is None else denoiser(noisy, SIGMA)).clamp(0, 1)
        restored[way] = float(-10 * torch.log10((shown - batch / 255).square().mean()))
        print(f"{way:18} PSNR {restored[way]:.1f} dB")

# %% [markdown]
# ## It goes wherever a denoiser goes
#
# The weights are a file, with a card that says how they were made; the certificate carries their hash.

# %%
certificate = certiqa.certify(metric, bytes_of["chelsea, as it is"], SIGMA, n=300, denoiser=iqa, seed=0)
lower, upper = certificate.bounds(SIGMA)
print(f"{certificate.method}: {certificate.score:.2f}, in [{lower:.2f}, {upper:.2f}] for l2 length <= {SIGMA}")
print(
    iqa.card.losses, f"{iqa.card.training['steps']} steps, {iqa.card.training['images']} pictures, {iqa.card.licence}"
)

# %% [markdown]
# On a data set, with the command line: [train a denoiser](../docs/howto/train-a-denoiser.md).

# %%
assert error["iqa, trained here"] < error["mse, trained here"], (
    "training through the metric did not bring the scores nearer"
)
assert order["iqa, trained here"] > order["MS"]
assert restored["mse, trained here"] > restored["MS"] + 2, "the squared error did not restore the picture"
assert certificate.method == "denoised median smoothing"
assert certificate.provenance.denoiser_sha256
assert lower < certificate.score < upper
