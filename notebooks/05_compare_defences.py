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
# # 5. Compare defences
#
# A defence has to be judged by several things at once: whether the defended metric still agrees with people, how far
# attacks move it that *know* the defence, what is proved about it, and what it costs. `certiqa.benchmark` computes
# them for any number of metrics and defences, on the same images and with the same attacks.
#
# The data here are the sample photographs, small, blurred and compressed. Nobody rated them: the "human score" is 5
# less the level of distortion. So the table below shows how a comparison is made and read, and *says nothing about
# which defence is better*. Measured comparisons are in [smoothing](../docs/smoothing.md) and
# [defences](../docs/defenses.md).
#
# ## A config
#
# The same as on the command line (`certiqa benchmark CONFIG.toml --out DIR`), as plain values. Sizes are very small.

# %%
# %matplotlib inline
from certiqa.benchmark import Config, run

given = {
    "name": "five ways, small",
    "sigmas": [0.12],
    "data": [{"name": "distorted-samples"}],
    "metric": [{"name": "builtin"}],
    "defence": [
        {"name": "undefended"},
        {"name": "JPEG", "purify": ["jpeg:quality=75"]},
        {"name": "MS", "smooth": True},
        {"name": "DMS-IQA", "denoiser": "dms-iqa"},
        {"name": "noise-trained", "metric": "builtin-noise", "smooth": True},
    ],
    "agreement": {"images": 24, "draws": 4},
    "certificates": {"images": 3, "n": 200, "at": ["0.5 sigma", "1 sigma"]},
    "attacks": {"images": 3, "names": ["pgd:steps=5"], "budgets": ["linf:2/255"], "samples": 2, "fresh": 60},
    "examples": {"images": 0},
}
config = Config.of(given)
print([(one.name, one.kind) for one in config.defences])

# %% [markdown]
# "certified" is what smooths; "empirical" is trained or purified, and nothing about it is proved.
#
# ## The run
#
# Every figure is written as soon as it is there, and a run that was killed goes on where it stopped. Beside the
# figures, the folder gets a table and a report to look at in a browser.

# %%
done = run(config, "small")
comparison = done.comparison
rows = {row.defence: row for row in comparison.rows}
print("complete:", comparison.complete, "| failed:", len(done.failed), "|", [path.name for path in done.files[:4]])

# %% [markdown]
# ## Agreement, and attacks
#
# Each attack was made twice (on the undefended metric, where there is nothing to know, once). *Transferred*: on the
# undefended metric, and its images were given to the defended one. *Adaptive*: on the defended metric itself, with
# gradients through the JPEG compression, or through the noise and the denoiser. Only the second says something about
# a defence.

# %%


def moved(row, adaptive):
    """RMSE between the scores before and after, in standard deviations of the row's scores."""
    (found,) = [one for one in row.attacked if one.adaptive == adaptive] or [None]
    return None if found is None else found.rmse_over_sd


def shown(value):
    """Two decimals, or a dash where there is no figure."""
    return "-" if value is None else f"{value:.2f}"


print(f"{'':20} {'SROCC':>6} {'SD':>6} {'transferred':>12} {'adaptive':>9}")
for name, row in rows.items():
    srocc = None if row.srocc is None else row.srocc.value
    print(f"{name:20} {shown(srocc):>6} {row.sd:6.2f} {shown(moved(row, False)):>12} {shown(moved(row, True)):>9}")

# %% [markdown]
# How to read it:
#
# * The columns of attacks are in standard deviations of the row's own scores. A defence that makes all scores alike
#   would win by RMSE alone; so would the **constant predictor**, the last row, which no attack moves and which knows
#   nothing.
# * There are no intervals here: they are bootstrapped over contents, and four photographs are too few. With real data
#   every figure has one.
#
# ## Certificates

# %%
for name, row in rows.items():
    if row.certified is None:
        print(f"{name:20} {row.no_certificate}")
        continue
    for at in row.certified.at:
        attacked = f"eps {at.eps:.3f}, {at.psnr:.1f} dB, l_inf {at.linf_grey:.2f}/255"
        print(f"{name:20} {at.name:>9} ({attacked}): moves by at most {at.tau.value:.2f}, {at.tau_over_sd:.2f} SD")

# %% [markdown]
# The attacks of the table before, of two grey levels, are *longer* than any eps here: about them these certificates
# say nothing. Both tables are needed, and they must not be mixed up.

# %%
import matplotlib.pyplot as plt
import numpy as np

figure, axis = plt.subplots(figsize=(5, 2.4), dpi=72, layout="constrained")
names = [name for name, row in rows.items() if row.sd > 0]
places = range(len(names))
bars = ((-0.2, False, "transferred", "#a9c6e6"), (0.2, True, "adaptive", "#1f3a5f"))
for shift, adaptive, label, colour in bars:
    heights = [moved(rows[name], adaptive) or np.nan for name in names]
    axis.bar([place + shift for place in places], heights, 0.4, label=label, color=colour)
axis.set_xticks(list(places), names, fontsize=8)
axis.set_ylabel("moved, in SD", fontsize=8)
axis.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## Once more
#
# The same config and the same folder: everything is there, so nothing is computed, and the comparison is the same.

# %%
second = run(config, "small", report=False)
print("the same rows:", second.comparison.rows == comparison.rows)

# %% [markdown]
# Next: [what a certificate does and does not promise](06_reading_a_certificate.ipynb).

# %%
assert comparison.complete
assert not done.failed
assert {name for name, row in rows.items() if row.certified} == {"MS", "DMS-IQA", "noise-trained"}
assert moved(rows["JPEG"], True) > moved(rows["JPEG"], False), "knowing the defence did not help the attack"
assert all(at.linf_grey < 2 for row in rows.values() if row.certified for at in row.certified.at), (
    "text and table differ"
)
assert rows["constant predictor"].srocc is None
assert all(one.rmse.value == 0 for one in rows["constant predictor"].attacked)
assert second.comparison.rows == comparison.rows
