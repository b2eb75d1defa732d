"""One run of ``certiqa certify``: every image by itself, kept as soon as it is done."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from typing import Any

from certiqa._certify import certify
from certiqa._progress import bar
from certiqa.certificate import Certificate
from certiqa.certificate.words import Row
from certiqa.cli._errors import Complaints, warn
from certiqa.cli._images import SAMPLE, image_path
from certiqa.cli._options import Settings
from certiqa.cli._outputs import FigureOutput, JsonOutput
from certiqa.cli._record import record, shortfall
from certiqa.cli._text import Report
from certiqa.trial.denoisers import denoiser_for
from certiqa.trial.models import load_model

__all__ = ["run"]


def run(
    images: list[str],
    model: str,
    settings: Settings,
    *,
    denoiser: str | None = None,
    json: str | None,
    plot: str | None,
    quiet: bool,
) -> int:
    """Certify the images; the exit code.

    It is 2, with a line on stderr, where n proves nothing at an eps that was asked about, or, if none was, at any eps
    of the table: a result that rests on the range of the metric alone is kept and shown, but is no success.

    Raises:
        CertiqaError: the model or the denoiser cannot be loaded, or an output cannot be written: found out before
            sampling.
    """
    output, figures = JsonOutput(json, images), FigureOutput(plot, images)
    report = None if quiet else Report(len(images), silent=output.on_stdout)
    # What a model prints must not end up between the lines of JSON.
    with contextlib.redirect_stdout(sys.stderr) if output.on_stdout else contextlib.nullcontext():
        metric, device = load_model(model, settings.device, settings.dtype)
        settings = settings.completed(metric)
        with denoiser_for(denoiser, settings.level, device, warn) as before:
            work = _Work(settings, metric, before, device, output, figures, report, Complaints())
            work.complaints.each(images, work.one)
        if report is not None:
            report.finish(settings.alpha)
    return work.complaints.code


@dataclasses.dataclass(frozen=True)
class _Work:
    """What is needed for each image."""

    settings: Settings
    metric: Any
    denoiser: Any
    device: Any
    output: JsonOutput
    figures: FigureOutput
    report: Report | None
    complaints: Complaints

    def one(self, index: int, image: str) -> None:
        """Certify one image; keep the result first, then show it, then say what n was too small for."""
        certificate, asked = self._certified(image)
        reveal = self.settings.seed is not None
        data = record(certificate, asked, self.settings.taus, reveal_seed=reveal)
        self.complaints.attempt(image, lambda: self.output.write(index, data))
        self.complaints.attempt(image, lambda: self.figures.write(index, certificate))
        shown = asked or certificate.rows()
        if self.report is not None:
            self.report.show(certificate, shown, self.settings.taus)
        found = [shortfall(certificate, row) for row in asked] or [certificate.nothing_proved(shown)]
        for problem in filter(None, found):
            self.complaints.add(f"{image}: {problem}", image)

    def _certified(self, image: str) -> tuple[Certificate, list[Row]]:
        """The certificate, and the rows of the sizes that were asked about."""
        s, path = self.settings, image_path(image)
        without_noise = s.kind == "lipschitz"
        at = s.sizes[0].length_for(path) if len(s.sizes) == 1 and not without_noise else None
        watched = self.report is not None and sys.stderr.isatty()
        with bar(image) if watched else contextlib.nullcontext() as progress:
            certificate = certify(
                self.metric,
                path,
                s.sigma if without_noise else s.level,
                n=s.n,
                alpha=s.alpha,
                side=s.side,
                denoiser=self.denoiser,
                output_range=s.output_range,
                batch_size=s.batch_size,
                device=self.device,
                dtype=s.dtype,
                seed=s.seed,
                progress=progress or False,
                at=at,
                resolution=s.resolution,
                kind=s.kind,
            )
        if image.startswith(SAMPLE):
            certificate = certificate.named(image)
        lengths = tuple(size.length(certificate.dimension) for size in s.sizes) if at is None else ()
        return certificate, certificate.rows(lengths) if s.sizes else []
