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
# # 6. Reading a certificate: what it does and does not promise
#
# A certificate is a sentence with conditions. This notebook takes the sentence apart, with one certificate, and then
# says what is not in it. The exact statements, with proofs, are in the [theory](../docs/theory.md).

# %%
import json
import shutil

import numpy as np
import torch

import certiqa
from certiqa.statistics import percentile

shutil.copy(certiqa.samples.path("coffee"), "coffee.png")
declared = 1.0  # the one eps that we say beforehand that we shall ask about
certificate = certiqa.certify("builtin-noise-192", "coffee.png", n=1000, seed=0, at=declared)
print(f"score {certificate.score:.3f}, n {certificate.n}, sigma {certificate.sigma}, alpha {certificate.alpha}")

# %% [markdown]
# ## What eps means
#
# `eps` is the l2 length of the attack, over all intensities of the original picture, which go from 0 to 1. That says
# little to the eye. The same length as the root mean square of the change in grey levels; as a PSNR; and as the step
# that an attack may make at *every* pixel and still be covered:

# %%
for eps in (0.1, declared, 3.0):
    rms, step = (
        percentile.rms_grey_levels(eps, certificate.dimension),
        percentile.linf_step(eps, certificate.dimension),
    )
    print(
        f"eps {eps}: RMS {rms:.3f} grey levels, PSNR {certificate.psnr(eps):.1f} dB, covers l_inf {255 * step:.3f}/255"
    )
grey = percentile.eps_from_linf(1 / 255, certificate.dimension)
print(f"one grey level at every pixel is eps {grey:.3f}; something is proved up to {certificate.largest_eps():.3f}")

# %% [markdown]
# Look there first. A narrow interval for an attack that nobody would bother to make is worth little.
#
# ## Three statements
#
# * **Containment**: the true median under noise stays in an interval.
# * **Drift**: the true median moves by at most so much.
# * **Deployed**: what a server *prints* for the attacked picture, a median of finitely many fresh scores, stays in an
#   interval; or differs from the score that is printed here by at most so much.

# %%
eps = declared
lower, upper = certificate.bounds(eps)
deployed = certificate.bounds(eps, statement="deployed")
cheaper = certificate.bounds(eps, statement="deployed", n_deployed=100, beta=1e-2)
print(f"containment: [{lower:.3f}, {upper:.3f}]")
print(f"drift:       {certificate.tau(eps):.3f}")
print(f"deployed:    [{deployed.lower:.3f}, {deployed.upper:.3f}], {certificate.tau(eps, statement='deployed'):.3f}")
print(f"... by a server that draws 100 scores, wrong in 1 %: [{cheaper.lower:.3f}, {cheaper.upper:.3f}]")

# %% [markdown]
# The drift may be the larger number, as its two ends are both unknown; the deployed change begins at the score that
# was printed.
#
# ## The median and the printed score
#
# The proof is about the true median, which nobody knows. The printed score is the middle one of n scores, and another
# run prints another. At eps = 0 the interval says where the true median is:

# %%
known = certificate.bounds(0.0)
printed = [certiqa.certify("builtin-noise-192", "coffee.png", n=200, seed=seed).score for seed in (1, 2, 3)]
print(f"printed here: {certificate.score:.3f}; the true median is in [{known.lower:.3f}, {known.upper:.3f}]")
print("printed by three smaller runs:", [f"{score:.3f}" for score in printed])

# %% [markdown]
# ## One eps, or all of them
#
# `bounds(eps)` is answered by a band that holds for *every* eps at once: ask what you like, as often as you like,
# also after a look at the scores. `bounds(at=eps)` is answered for the one eps that was declared before, and is a
# little tighter. To ask it for several would be multiple testing; so it is refused:

# %%
single = certificate.bounds(at=declared)
print(f"the band:     [{lower:.3f}, {upper:.3f}]")
print(f"declared eps: [{single.lower:.3f}, {single.upper:.3f}]")
try:
    certificate.bounds(at=2.0)
except certiqa.errors.InputError as error:
    refused = error
    print(error)

# %% [markdown]
# ## Alpha
#
# A certificate can be wrong: with probability at most alpha the noise was drawn so badly that the interval is false.
# Over many pictures, some are. To see that, we need a metric whose truth is known. The mean brightness is linear: its
# median under noise is its value, and the strongest attack moves it by eps times the length of its weights. Here are
# certificates with a large alpha, each under noise of its own:


# %%
class Brightness(torch.nn.Module):
    """100 times the mean; noise reaches it unclipped."""

    unclipped_noise = True

    def forward(self, images):
        return 100 * images.mean((1, 2, 3), dtype=torch.float64)


image = torch.full((3, 8, 8), 128, dtype=torch.uint8)
value, move = 100 * 128 / 255, 100 * 0.05 / np.sqrt(image.numel())
alpha, count = 0.2, 300
wrong = 0
for seed in range(count):
    one = certiqa.certify(Brightness().eval(), image, 0.1, n=100, alpha=alpha, seed=seed, at=0.05)
    low, high = one.bounds(at=0.05)
    wrong += not (low <= value - move and value + move <= high)
print(f"{wrong} of {count} certificates were wrong; at most about {alpha * count:.0f} are to be expected")

# %% [markdown]
# So of M certificates at most about alpha M fail. If *all* of M pictures are to hold together, give each alpha / M:

# %%
for pictures in (1, 100, 10_000):
    each = certificate.alpha / pictures
    answer = certificate.bounds(eps, alpha=each)
    print(f"{pictures:6} pictures, alpha {each:.0e} each: [{answer.lower:.3f}, {answer.upper:.3f}] {answer.lower_from}")

# %% [markdown]
# (Any alpha may be asked afterwards, but it has to be chosen without a look at the answers.)
#
# ## Where the scores prove nothing
#
# For a strong attack, n scores prove nothing. The certificate then never answers with the largest score that it has
# seen. It answers with the range that the metric cannot leave, and says so; for a metric that enforces no range, with
# infinity.

# %%
far = 10.0
ranged = certificate.bounds(far)
unbounded = certiqa.certify(lambda x: x.mean((1, 2, 3)), image, 0.1, n=100, seed=0).bounds(1.0)
print(tuple(ranged), ranged.lower_from, "certified:", ranged.certified, "n needed:", certificate.smallest_n(far))
print(tuple(unbounded), unbounded.lower_from, "certified:", unbounded.certified)

# %% [markdown]
# ## On paper
#
# A certificate goes through JSON and comes back equal; all of its answers are computed again from the scores. A file
# that contradicts itself is refused. That finds accidents. It is no signature: who writes new scores writes a new
# certificate.

# %%
certificate.to_json("coffee.json")
again = certiqa.Certificate.from_json("coffee.json")
edited = certificate.to_dict() | {"score": certificate.score + 1}
try:
    certiqa.Certificate.from_dict(edited)
except certiqa.errors.CertificateError as error:
    contradiction = error
    print(error)
with open("coffee.json") as file:
    stored = json.load(file)
print("equal:", again == certificate, "| the seed is in the file:", "seed" in stored and stored["seed"] is not None)

# %% [markdown]
# ## What is not promised
#
# * **Nothing beyond eps, and nothing in other measures** except what follows from the l2 length: a rotation by one
#   degree, another JPEG quality, a crop or a resize of the picture are not small in l2, or are not the same pixels at
#   all.
# * **Nothing under a public seed.** Noise is fresh by default. With a seed that the attacker knows, the printed score
#   is a plain function of the picture, and can be attacked as such.
# * **Nothing about the metric without noise.** The bare score is another number, and no certificate bounds it.
# * **Nothing about people.** A score that no attack can move may say nothing about quality. The best certificate of
#   all belongs to a constant:

# %%
constant = certiqa.certify(lambda x: torch.full((len(x),), 50.0), "coffee.png", 0.12, n=200, seed=0)
bare = float(
    certiqa.metrics.load("builtin-noise-192", "cpu")(
        torch.from_numpy(certiqa.data.images.read_image("coffee.png").as_float())[None]
    )
)
print(f"the constant: score {constant.score}, moves by at most {constant.tau(0.1)} for eps 0.1")
print(f"the bare score of the metric: {bare:.3f}; its smoothed score: {certificate.score:.3f}")

# %% [markdown]
# How well a smoothed metric agrees with people is measured, not proved: [smoothing](../docs/smoothing.md).

# %%
assert lower <= single.lower <= known.lower <= certificate.score <= known.upper <= single.upper <= upper
assert deployed.lower <= lower
assert upper <= deployed.upper
assert cheaper.upper - cheaper.lower > deployed.upper - deployed.lower
assert "declared" in str(refused)
assert wrong <= alpha * count + 4 * np.sqrt(count * alpha * (1 - alpha)), "more were wrong than alpha explains"
assert wrong > 0, "nothing was wrong, so nothing was counted"
assert tuple(ranged) == (0.0, 100.0)
assert not ranged.certified
assert tuple(unbounded) == (-np.inf, np.inf)
assert again == certificate
assert again.bounds(eps) == certificate.bounds(eps)
assert isinstance(contradiction, certiqa.errors.CertificateError)
