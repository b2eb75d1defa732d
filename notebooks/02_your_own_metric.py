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
# # 2. Your own metric
#
# A metric is anything that takes images (B, 3, H, W), RGB in [0, 1], and gives (B,) scores. The proof needs nothing
# else from it: no gradient, no weights, no smoothness. But it has to be *one fixed function of one image*, and
# certiqa looks whether it is.
#
# The pictures are windows of the photographs that ship with the package, small, so that this notebook is quick.

# %%
import numpy as np
import torch
from PIL import Image

import certiqa


def window(name, side=128):
    """The middle of a sample photograph, uint8 (3, side, side)."""
    picture = Image.open(certiqa.samples.path(name)).convert("RGB")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return torch.from_numpy(np.array(picture.crop((left, top, left + side, top + side)))).permute(2, 0, 1).contiguous()


images = torch.stack([window(name) for name in certiqa.samples.names()])
image = images[1]
print(certiqa.samples.names(), tuple(images.shape), images.dtype)

# %% [markdown]
# ## A function
#
# Here, the contrast: the standard deviation of the intensities.


# %%
def contrast(images):
    """The standard deviation of each image."""
    return images.flatten(1).std(1, correction=0)


certificate = certiqa.certify(contrast, image, sigma=0.12, n=500, seed=0)
eps = 0.12
print(f"score {certificate.score:.4f}, within [{certificate.bounds(eps)[0]:.4f}, {certificate.bounds(eps)[1]:.4f}]")
print("bare score, without noise:", f"{float(contrast(images[1:2] / 255)):.4f}")

# %% [markdown]
# The smoothed score is *another* number than the bare one: noise has a contrast of its own. It is the smoothed score
# that is certified.
#
# Nobody has told certiqa a range. Where the scores prove nothing, it cannot answer:

# %%
far = 4 * certificate.sigma
print(certificate.bounds(far))
print("n that would prove something there:", certificate.smallest_n(far))

# %% [markdown]
# ## A module that says what it is
#
# An `nn.Module` is better: its weights are hashed into the certificate. A few attributes, all optional, state facts.
# `range_enforced` is a promise: the score *cannot* leave the range, whatever the picture. The standard deviation of
# numbers in [0, 1] is at most one half, and noisy images are clipped to [0, 1] before they reach the metric, so this
# one keeps it.


# %%
class Contrast(torch.nn.Module):
    """The contrast, from 0 to 100."""

    name = "contrast"
    lower_better = False
    output_range, range_enforced = (0.0, 100.0), True

    def forward(self, images):
        return 200 * images.flatten(1).std(1, correction=0)


metric = Contrast().eval()
own = certiqa.certify(metric, image, sigma=0.12, n=500, seed=0)
print(own)

# %% [markdown]
# A metric that keeps no range can be *given* one. Then certiqa clamps the scores to it, and the range holds because
# of that. The clamped metric is what the certificate is about, and it says so:

# %%
clamped = certiqa.certify(contrast, image, sigma=0.12, n=500, seed=0, output_range=(0.0, 0.5))
print(tuple(clamped.bounds(far)), "enforced by", clamped.range_enforced_by)

# %% [markdown]
# ## What is refused
#
# The scores of a certificate must be independent. Before it samples, `certify` looks for what would break that, by a
# few forward passes, and refuses by name. **Train mode**: BatchNorm would tie the scores of a batch together, dropout
# would add randomness of its own.


# %%
def refusal(model):
    """What certify says of it."""
    try:
        certiqa.certify(model, image, sigma=0.12, n=500)
    except certiqa.errors.ModelError as error:
        print(f"{type(error).__name__}: {error}")
        return error
    raise AssertionError("it was not refused")


network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 4, 3),
    torch.nn.BatchNorm2d(4),
    torch.nn.AdaptiveAvgPool2d(1),
    torch.nn.Flatten(),
    torch.nn.Linear(4, 1),
)
torch.manual_seed(0)
for layer in (network[0], network[4]):
    layer.reset_parameters()
forgotten = refusal(network)  # eval() was forgotten
print(f"after eval(): {certiqa.certify(network.eval(), image, sigma=0.12, n=500, seed=0).score:.4f}")

# %% [markdown]
# **A score that depends on the rest of its batch.** This one compares the images of a batch with each other:


# %%
def relative(images):
    """How much brighter an image is than the mean of its batch."""
    means = images.mean((1, 2, 3))
    return means - means.mean()


coupled = refusal(relative)

# %% [markdown]
# **NaN.** A score that is no number is no score:


# %%
def broken(images):
    """A ratio of nothing to nothing."""
    zero = images.mean((1, 2, 3)) * 0
    return zero / zero


nan = refusal(broken)

# %% [markdown]
# What happens rarely, or builds up over thousands of calls, a few passes cannot show. After sampling, some scores are
# computed again, alone, and must come back. The rest is on you: [what breaks a
# certificate](../docs/theory.md#6-what-breaks-a-certificate).
#
# ## A denoiser of your own
#
# A denoiser goes between the noise and the metric. The proof holds for *any* function of the noisy image, so for any
# denoiser; a good one brings the smoothed score nearer to the bare one. Here is the simplest that there is, a blur.
# It is called with the noisy image, which is not clipped, and sigma:

# %%
kernel = torch.outer(w := torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16, w).expand(3, 1, 5, 5)


def blur(images, sigma):
    """A binomial blur, whatever sigma is."""
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), mode="reflect")
    return torch.nn.functional.conv2d(padded, kernel, groups=3)


bare = float(metric(images[1:2] / 255))
denoised = certiqa.certify(metric, image, sigma=0.12, n=500, seed=0, denoiser=blur)
print(f"bare {bare:.2f}; median under noise {own.score:.2f}; behind the blur {denoised.score:.2f} ({denoised.method})")
print(f"certified change for eps = {eps}: {own.tau(eps):.3f} without the blur, {denoised.tau(eps):.3f} with it")

# %% [markdown]
# The median came nearer to the bare score. The certified change need not become smaller by that.
#
# ## Several images
#
# A tensor (B, 3, H, W) gives a list of certificates. Each fails with probability at most `alpha`; if all of them are
# to hold together, each gets a part:

# %%
several = certiqa.certify(metric, images, sigma=0.12, n=1000, alpha=1e-3 / len(images), seed=0)
for name, one in zip(certiqa.samples.names(), several, strict=True):
    lower, upper = one.bounds(eps)
    print(f"{name:10} {one.score:6.2f}   in [{lower:6.2f}, {upper:6.2f}] for all attacks of l2 length <= {eps}")

# %% [markdown]
# ## As a module
#
# Where you need the smoothed score and no certificate, in a server or as a part of a network, take `MedianSmoothing`:
# images in, scores out, with gradients if you ask for them. It does not audit, so call `.eval()`.

# %%
smooth = certiqa.MedianSmoothing(metric, sigma=0.12, n=100, seed=0).eval()
print([f"{score:.2f}" for score in smooth(images).tolist()])

picture = (images[1:2] / 255).requires_grad_()
smooth(picture).sum().backward()
print("a gradient:", tuple(picture.grad.shape), "all finite:", bool(picture.grad.isfinite().all()))

# %% [markdown]
# ## Is the certificate far from the truth?
#
# For most metrics nobody knows how far the strongest attack gets. For a *linear* one it is known: an attack of l2
# length eps moves the score by at most eps times the length of the weights, and the attack along the weights does it.
# So certify the mean brightness, unclipped so that it stays linear, and compare. (The proof is sharp for linear
# metrics; what is left is the price of a finite n.)


# %%
class Brightness(torch.nn.Module):
    """100 times the mean, linear: noisy images reach it unclipped."""

    unclipped_noise = True

    def forward(self, images):
        return 100 * images.mean((1, 2, 3), dtype=torch.float64)


linear = certiqa.certify(Brightness().eval(), image, sigma=0.12, n=4000, seed=0, at=eps)
truth = 100 * eps / np.sqrt(image.numel())
print(f"the strongest attack moves the score by {truth:.5f}")
print(f"certified, eps declared beforehand:       {linear.tau(at=eps):.5f}")
print(f"certified, for all eps at once:           {linear.tau(eps):.5f}")

# %% [markdown]
# Next: [train a denoiser for your metric](03_train_a_ranking_denoiser.ipynb).

# %%
assert "train-mode" in forgotten.hazards
assert "batch-coupled" in coupled.hazards
assert isinstance(nan, certiqa.errors.ModelOutputError)
assert certificate.bounds(far).upper == np.inf
assert tuple(clamped.bounds(far)) == (0.0, 0.5)
assert [one.provenance.model for one in several] == ["contrast"] * len(images)
assert abs(denoised.score - bare) < abs(own.score - bare), "the blur is of no use"
assert truth <= linear.tau(at=eps) <= linear.tau(eps) <= 1.25 * truth, "neither sound nor sharp"
