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
# # 1. Certify an image
#
# A metric without a reference looks at a picture and says how good it is. An attacker who changes the picture a
# little can make it say nearly anything. A certificate says how far *any* attack up to a given strength can move the
# score, for one picture, with a stated probability of being wrong.
#
# Everything here ships with the package: the photograph and the metric.

# %%
# %matplotlib inline
import shutil

import certiqa

photo = "chelsea.png"  # put a file of your own here
shutil.copy(certiqa.samples.path("chelsea"), photo)
certificate = certiqa.certify("builtin-noise-192", photo, n=1000, seed=0)

# %% [markdown]
# ## What was done
#
# `builtin-noise-192` declares the noise and the working size that it was trained for. The photograph was made
# smaller, Gaussian noise was added, and the metric scored the result: `n` times, with fresh noise each time. This is
# what the metric saw:

# %%
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

picture = Image.open(photo).convert("RGB")
_, height, width = certificate.front_end.output_shape
small = np.asarray(picture.resize((width, height))) / 255
noisy = (small + certificate.sigma * np.random.default_rng(0).standard_normal(small.shape)).clip(0, 1)

figure, axes = plt.subplots(1, 2, figsize=(5, 1.9), dpi=72, layout="constrained")
for axis, shown, title in zip(axes, (small, noisy), ("the photograph, smaller", "one noisy copy"), strict=True):
    axis.imshow(shown)
    axis.set_title(title, fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# (These two panels are drawn with Pillow's resize and NumPy's noise, to show the idea. certiqa's own resize and noise
# are the ones that the proof is about: [theory](../docs/theory.md), sections 5 and 8. The noisy copy is clipped to be
# shown; this metric was trained on noise that is not, and gets it so.)
#
# ## What is proved
#
# The smoothed score is the **median** of the scores. The certificate says it in words:

# %%
print(certificate)

# %% [markdown]
# Read a row of the table from the left. `eps` is the l2 length of the attack, in the pixels of the photograph; `RMS
# grey`, `PSNR` and `l_inf` say how large such an attack is. The last three columns say what it can do to the score.
# Where it says "range only", so few scores prove nothing, and the enforced range of the metric is all that is left.
#
# ## Questions
#
# Every question is answered from the scores that were drawn; none of them asks the metric again.

# %%
eps = 1.5
lower, upper = certificate.bounds(eps)
print(f"the smoothed score: {certificate.score:.2f}")
print(f"after any attack of l2 length <= {eps}: between {lower:.2f} and {upper:.2f}")
print(f"... so it moves by at most {certificate.tau(eps):.2f}")
print(f"such an attack has a PSNR of {certificate.psnr(eps):.1f} dB or more")
print(f"the score cannot move by more than 2 points for eps <= {certificate.radius(2.0):.2f}")
print(f"{certificate.n} scores prove something up to eps = {certificate.largest_eps():.2f}")

# %%
figure = certificate.plot()
figure.set_dpi(72)
figure

# %% [markdown]
# The blue band is what is proved, for all eps at once. On the right are the scores that it rests on.
#
# ## An attack of that length
#
# Does it hold? An attack cannot prove it, but it could refute it. PGD climbs the smoothed score, through the noise,
# inside the l2 ball of radius `eps`. It knows the metric, its weights, the resize and the law of the noise; only the
# noise that will be drawn next it does not know.

# %%
import torch

from certiqa import attacks
from certiqa.data.images import read_image
from certiqa.evaluation import attack_radius, fresh_scores, verdict

metric = certiqa.metrics.load("builtin-noise-192")
image = torch.from_numpy(read_image(photo).pixels.copy())  # uint8 (3, H, W)
smooth = certiqa.MedianSmoothing(metric, certificate.sigma, n=16, seed=1).eval()  # resizes as the certificate did
pgd = attacks.load("pgd", steps=10, quantise=False)
budget = attacks.L2(attack_radius(eps, certificate.dimension))
(found,) = pgd(attacks.eot(smooth, samples=2), image[None], "raise", budget, seed=0)

scores = fresh_scores(certificate, metric, found.image, 1000, seed=2)  # noise that neither has seen
judged = verdict(certificate, image, found.image, scores, eps=eps)
print(f"length of the attack: {judged.length:.4f}, PSNR {found.psnr:.1f} dB")
print(f"smoothed score before: {certificate.score:.2f}, after: {judged.median:.2f}")
print(f"certified: [{judged.lower:.2f}, {judged.upper:.2f}]")
print(judged.words())

# %% [markdown]
# The attack moved the score, and the score stayed where it had to. "Not certainly outside" is careful: the median
# after the attack is known only up to the noise of the fresh scores, which the line states.
#
# ## Keep it
#
# A certificate is its scores. As JSON it carries all of them, with the hashes of picture and weights, and whoever
# reads it can ask the same questions and get the same answers, without the metric.

# %%
certificate.to_json("chelsea.json")
again = certiqa.Certificate.from_json("chelsea.json")
print(again == certificate, tuple(again.bounds(eps)) == (lower, upper))

# %% [markdown]
# `seed=0` repeats the noise, which is right for a notebook. Leave it out where somebody may attack the score: with a
# known seed the printed score is a plain function of the picture, which can be attacked as such; the certificate
# speaks of the true median, and of scores that are printed under fresh noise.
#
# Next: [a metric of your own](02_your_own_metric.ipynb), and [what a certificate does and does not
# promise](06_reading_a_certificate.ipynb).

# %%
assert judged.within, "the attack is longer than it may be"
assert not judged.alarm, "the attack got out of the certified interval"
assert judged.lower <= judged.median <= judged.upper
assert judged.median > certificate.score, "the attack did nothing, so it tested nothing"
assert again == certificate
assert tuple(again.bounds(eps)) == (lower, upper)
assert certificate.tau(certificate.radius(2.0)) <= 2.0 < certificate.tau(1.1 * certificate.radius(2.0))
