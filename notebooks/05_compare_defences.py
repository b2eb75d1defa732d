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
# Which defence should a metric get? One config names metrics, data, defences, attacks and sizes; one command, or one
# call, measures all of it under the same images, attacks and noise.
#
# The pictures here are the sample photographs, blurred and compressed. Nobody rated them: their "human scores" are
# made from the level of distortion. So this notebook shows how a comparison is made and read, and its figures say
# nothing about a defence. For that, put in a data set of your own, or one with a reader ([data
# sets](../docs/datasets.md)).

# %%
# %matplotlib inline
from pathlib import Path

from certiqa.benchmark import Config, run

config = Config.of(
    {
        "name": "a small comparison",
        "sigmas": [0.12],
        "data": [{"name": "distorted-samples"}],
        "metric": [{"name": "builtin"}],
        "defence": [
            {"name": "undefended"},
            {"name": "NT", "metric": "builtin-nt"},
            {"name": "JPEG", "purify": ["jpeg:quality=75"]},
            {"name": "MS", "smooth": True},
            {"name": "DMS-IQA", "denoiser": "dms-iqa"},
        ],
        "agreement": {"images": 44, "draws": 2},
        "certificates": {"images": 4, "n": 200, "at": ["0.5 sigma", "1 sigma"]},
        "attacks": {
            "images": 4,
            "names": ["pgd:steps=4"],
            "budgets": ["linf:2/255"],
            "objective": "raise",
            "samples": 2,
            "fresh": 60,
        },
    }
)
plans = []
ran = run(config, "out", planned=plans.append)

# %% [markdown]
# A key that is misspelt or a value that cannot be is refused before anything is computed, with its place and the
# nearest that would do. `certiqa benchmark --show cpu` prints a whole config of this kind, as TOML.
#
# ## The plan
#
# Before it began, the run had counted what there is to do. "Transferred" attacks are made on the undefended metric and
# judged on every defence; "adaptive" ones know the defence and follow its gradient.

# %%
(plan,) = plans
for line in plan.lines:
    print(f"{line.defence:<12} {line.cells}, {line.forwards} forward passes")

# %% [markdown]
# ## What came of it
#
# One row per defence. SROCC says whether the scores still agree with people; the certificate, what no attack can do;
# the attacks, what one attacker did: RMSE(before, after) in standard deviations of the row's scores.

# %%
head = ("SROCC", "SD", "certified down to", "transferred", "adaptive")
widths = (8, 8, 20, 14, 10)
print(f"{'defence':<20}" + "".join(f"{one:>{width}}" for one, width in zip(head, widths, strict=True)))
for row in ran.comparison.rows:
    moved = {one.adaptive: one.rmse_over_sd for one in row.attacked}
    psnr = row.certified.psnr_at_half_sd if row.certified else None
    shown = [
        "-" if row.srocc is None else f"{row.srocc.value:.2f}",
        f"{row.sd.value:.1f}",
        "no certificate" if row.certified is None else f"{psnr.value:.1f} dB" if psnr else "nothing",
        *("-" if moved.get(adaptive) is None else f"{moved[adaptive]:.2f}" for adaptive in (False, True)),
    ]
    print(f"{row.defence:<20}" + "".join(f"{one:>{width}}" for one, width in zip(shown, widths, strict=True)))

# %% [markdown]
# Three things to look at in any such table:
#
# * **The constant predictor.** No attack moves it, and it knows nothing. A defence that only narrows the scores walks
#   towards it; that is why changes are given in standard deviations of the row's own scores.
# * **Transferred against adaptive.** A defence may look good against an attack that was made for another function. What
#   counts is the attack that knows it.
# * **"No certificate" is not a zero.** NT and JPEG change what was tried; what an attacker does tomorrow, nobody knows.
#
# And one thing to look at before any of them: whether an attack inside a certified radius left its band.

# %%
alarms = [one.alarms for row in ran.comparison.rows for one in row.attacked if one.alarms is not None]
print(f"{sum(alarms)} alarms in {len(alarms)} runs of attacks on rows with certificates")

# %% [markdown]
# ## The report
#
# The folder holds every figure with its interval as CSV, everything as JSON, and a report as one HTML page, which works
# offline, and as Markdown ([how to read it](../docs/report.md)).

# %%
for path in ran.files:
    if path.suffix != ".svg":
        print(path.name, path.stat().st_size > 0)
print("\n".join(Path("out/table.csv").read_text().splitlines()[:5]))

# %% [markdown]
# One of its figures: for each attacked image the score before (dash), the score after (dot), and the band that the
# certificate allows for an attack of the length that this one really has. Without a band nothing is promised. These
# attacks, of two grey levels everywhere, are far longer than what so few scores prove: the band is then the whole range
# that the metric enforces, which says little. What is proved, and for which sizes, stands in the table of certificates:

# %%
import matplotlib.pyplot as plt

for row in ran.comparison.rows:
    for at in row.certified.at if row.certified else ():
        size = f"{at.name} ({at.psnr:.1f} dB, {at.linf_grey:.2f} grey levels)"
        print(f"{row.defence:<10} {size:<40} moves by at most {at.tau.value:.2f}, {at.tau_over_sd:.2f} SD")

rows = [row for row in ran.comparison.rows if row.kind != "constant"]
figure, axes = plt.subplots(1, len(rows), figsize=(9, 2.4), dpi=72, sharey=True, layout="constrained")
for axis, row in zip(axes, rows, strict=True):
    points = row.attacked[-1].points
    for place, point in enumerate(points):
        if point.lower is not None and point.upper is not None:
            axis.bar(place, point.upper - point.lower, bottom=point.lower, color="tab:blue", alpha=0.3)
        axis.plot(place, point.before, "k_", markersize=12)
        axis.plot(place, point.after, "ko", markersize=4)
    axis.set_title(row.defence, fontsize=9)
    axis.set_xticks([])
plt.show()

# %% [markdown]
# ## A run that is killed
#
# Every figure is written as soon as it is there. Take away the second half of the records, as if the machine had
# stopped: the same call computes what is missing, and the table is the same, byte for byte.

# %%
table = Path("out/table.csv").read_bytes()
records = Path("out/records/0-of-1.jsonl")
whole = records.read_bytes()
records.write_bytes(whole[: len(whole) // 2])
again = run(config, "out", planned=plans.append)
print(f"{plans[-1].there} figures were there, {plans[-1].todo} were computed again")
print(Path("out/table.csv").read_bytes() == table)

# %% [markdown]
# On the command line: `certiqa benchmark cpu --out out --data livec DIR --data agiqa3k DIR`; with `--part 0/2` and
# `--part 1/2`, two processes share the work. Everything else: [comparing defences](../docs/benchmark.md).

# %%
rows = {row.defence: row for row in ran.comparison.rows}
assert again.comparison.complete
assert plans[-1].todo > 0
assert Path("out/table.csv").read_bytes() == table
assert sum(alarms) == 0
assert rows["NT"].certified is None
assert rows["MS"].certified.at[0].tau.value <= rows["MS"].certified.at[1].tau.value
assert all(one.rmse.value == 0 for one in rows["constant predictor"].attacked)
points = [point for name in ("MS", "DMS-IQA") for one in rows[name].attacked for point in one.points]
assert all(at.linf_grey < 2 for name in ("MS", "DMS-IQA") for at in rows[name].certified.at), "the text says so"
assert all(point.lower is None or point.lower <= point.before for point in points)
