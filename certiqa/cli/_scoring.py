"""One run of ``certiqa score``: the bare metric, and its smoothed median on request."""

from __future__ import annotations

import contextlib
import math
import sys
from dataclasses import dataclass
from typing import Any

import torch

from certiqa import _provenance as provenance
from certiqa._facts import facts_of
from certiqa.cli._errors import Complaints
from certiqa.cli._images import image_path
from certiqa.cli._outputs import JsonOutput
from certiqa.data.images import Picture, read_image
from certiqa.errors import AuditError, ModelOutputError
from certiqa.frontends import Identity
from certiqa.smoothing.base import BaseScore, resolve_dtype
from certiqa.smoothing.median import MedianSmoothing
from certiqa.smoothing.view import check_size
from certiqa.trial.models import load_model

__all__ = ["run"]


def run(
    images: list[str],
    model: str,
    sigma: float | None,
    n: int,
    seed: int | None,
    *,
    device: str | None,
    json: str | None,
) -> int:
    """Score the images; the exit code.

    Raises:
        CertiqaError: the model cannot be loaded, or an output cannot be written.
    """
    output, complaints = JsonOutput(json, images), Complaints()
    with contextlib.redirect_stdout(sys.stderr) if output.on_stdout else contextlib.nullcontext():
        metric, where = load_model(model, device)
        if isinstance(metric, torch.nn.Module) and any(part.training for part in metric.modules()):
            raise AuditError("The model is in train mode. Call model.eval() in its module.", ("train-mode",))
        smooth = None if sigma is None else MedianSmoothing(metric, sigma, n=n, seed=seed)
        scorer = _Scorer(metric, where, smooth)

        def work(index: int, image: str) -> None:
            data = {"image": image, **scorer(read_image(image_path(image)))}
            complaints.attempt(image, lambda: output.write(index, data))
            if not output.on_stdout:
                print(_line(data), flush=True)

        complaints.each(images, work)
    return complaints.code


def _line(data: dict[str, Any]) -> str:
    text = f"{data['image']}: {data['score']:.6g}"
    if "smoothed" in data:
        text += f", smoothed {data['smoothed']:.6g} (sigma {data['sigma']:g}, n {data['n']})"
    better = data["lower_better"]
    words = [] if better is None else ["lower is better" if better else "higher is better"]
    if data["output_range"]:
        words.append("range {:g} to {:g}".format(*data["output_range"]))
    if data["made_for_sigma"] is not None and "smoothed" not in data:
        words.append(f"bare, but made for noise: --sigma {data['made_for_sigma']:g}")
    return f"{text}; {data['model']}{': ' if words else ''}{', '.join(words)}"


@dataclass(frozen=True)
class _Scorer:
    """Picture -> what there is to say about it."""

    metric: Any
    device: torch.device
    smooth: MedianSmoothing | None

    def __call__(self, picture: Picture) -> dict[str, Any]:
        check_size(picture, self.metric, Identity())
        image = torch.from_numpy(picture.as_float())[None].to(self.device)
        base = BaseScore(self.metric, None, 0.0, None, resolve_dtype(self.metric, "auto"))
        facts = facts_of(self.metric)
        with torch.no_grad():
            score = float(base.raw(image))
            if not math.isfinite(score):
                raise ModelOutputError(f"The model must return finite scores. Got {score} for {picture.name}.")
            data = {
                "score": score,
                "model": provenance.model_name(self.metric),
                "model_sha256": provenance.model_sha256(self.metric),
                "lower_better": facts.lower_better,
                "output_range": facts.enforced_range,
                "made_for_sigma": facts.certified_sigma,
            }
            if self.smooth is not None:
                smoothed = float(self.smooth(torch.from_numpy(picture.pixels.copy())[None].to(self.device)))
                data |= {"smoothed": smoothed, "sigma": self.smooth.sigma, "n": self.smooth.n}
        return data
