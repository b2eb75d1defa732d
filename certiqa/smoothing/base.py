"""The base score f: everything that happens to a noisy image until one checked number comes out.

f = (clamp to the declared range) o metric o (clip to [0,1]) o denoiser. After x+G anything may happen, as long as it
sees only x+G (certificates stay valid); so the denoiser gets the unclipped noisy image, and the metric gets what it was
written for: RGB in [0, 1]. Only a metric that declares ``unclipped_noise``, being made for noise, gets x+G as it is.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from certiqa._device import device_here
from certiqa._facts import facts_of
from certiqa.errors import InputError, ModelError, ModelOutputError

__all__ = ["DTYPES", "BaseScore", "Denoiser", "ScoreFn", "as_scores", "resolve_device", "resolve_dtype"]

ScoreFn = Callable[[Tensor], Any]
Denoiser = Callable[[Tensor, float], Tensor]

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_AUTOCAST = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class BaseScore:
    """f as one callable: noisy images (B,3,H,W), or numbers (B,m), float32 -> scores (B,), shape and device checked.

    Attributes:
        model: (B,3,H,W) RGB in [0,1] -> (B,), (B,1) or (B,1,1).
        denoiser: forward(x, sigma) -> x, or None.
        sigma: the noise level that the denoiser is told.
        output_range: scores are clamped to it, or None.
        dtype: of the arithmetic; bfloat16 and float16 run under autocast.
        pictures: whether what is scored are pictures; else the numbers of a front end, which the model, a head, reads.
    """

    model: ScoreFn
    denoiser: Denoiser | None
    sigma: float
    output_range: tuple[float, float] | None
    dtype: torch.dtype
    pictures: bool = True

    @property
    def clips_noise(self) -> bool:
        """Whether noisy images are clipped before f sees them (with a denoiser, f clips behind it)."""
        return self.pictures and self.denoiser is None and not facts_of(self.model).unclipped_noise

    @property
    def range_rounding(self) -> float:
        """How far a score may leave the range because the range's ends are not numbers of the model's arithmetic."""
        return max(map(abs, self.output_range)) * torch.finfo(self.dtype).eps if self.output_range else 0.0

    def raw(self, noisy: Tensor) -> Tensor:
        """Scores before the clamp, in float32 or better; NaN allowed.

        Raises:
            ModelError: the model or denoiser raised.
            ModelOutputError: wrong type, shape or device.
        """
        low = self.dtype in _AUTOCAST
        cast = noisy if low else noisy.to(self.dtype)
        context = torch.autocast(noisy.device.type, dtype=self.dtype) if low else contextlib.nullcontext()
        with context:
            if self.denoiser is not None:
                cast = _denoise(self.denoiser, cast, self.sigma).clamp(0.0, 1.0)
            output = _call("model", self.model, cast)
        return as_scores(output, len(noisy), noisy.device)

    def __call__(self, noisy: Tensor) -> Tensor:
        """Scores clamped to the declared range; NaN stays NaN."""
        return self.clamped(self.raw(noisy))

    def clamped(self, scores: Tensor) -> Tensor:
        """Raw scores in the declared range."""
        if self.output_range is None:
            return scores
        most = torch.finfo(scores.dtype).max  # a range may be declared that this arithmetic does not reach
        return scores.clamp(*(min(max(end, -most), most) for end in self.output_range))


def _call(role: str, function: Callable[..., Any], images: Tensor, *more: Any) -> Any:
    try:
        return function(images, *more)
    except (MemoryError, torch.OutOfMemoryError, ModelError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        text = " ".join(str(error).split())
        message = f"The {role} raised {type(error).__name__} on an input of shape {tuple(images.shape)}"
        hint = ""
        if "same device" in text or "device type" in text:
            hint = f" The images are on {images.device}: move the model there or pass device=."
        elif "dtype" in text or "scalar type" in text:
            hint = f" The images are {images.dtype}: pass dtype= as the model's own."
        raise ModelError(f"{message}: {text[:300]}{'.' if hint else ''}{hint}") from error


OUT_OF_MEMORY = "memory ran out: use smaller images, a smaller batch, or fewer processes at a time"
"""For what is not sampled, where a smaller batch is tried first."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on the CPU or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        phrase in text for phrase in ("out of memory", "can't allocate memory", "not enough memory")
    )


def _denoise(denoiser: Denoiser, noisy: Tensor, sigma: float) -> Tensor:
    clean = _call("denoiser", denoiser, noisy, sigma)
    if not isinstance(clean, Tensor) or clean.shape != noisy.shape or clean.device != noisy.device:
        found = f"{tuple(clean.shape)} on {clean.device}" if isinstance(clean, Tensor) else type(clean).__name__
        raise ModelOutputError(
            f"The denoiser must return an image of the shape and device of its input, {tuple(noisy.shape)} on "
            f"{noisy.device}. Got {found} instead."
        )
    return clean


def as_scores(output: object, batch: int, device: torch.device) -> Tensor:
    """One real score per image, (B,), float32 or float64, from (B,), (B,1) or (B,1,1).

    Raises:
        ModelOutputError: anything else came back.
    """
    if not isinstance(output, Tensor):
        try:
            output = torch.as_tensor(output)
        except (TypeError, ValueError, RuntimeError):
            raise ModelOutputError(
                f"The model must return a tensor of one score per image. Got {type(output).__name__} instead."
            ) from None
        output = output.to(device)
    shape = tuple(output.shape)
    if shape not in {(batch,), (batch, 1), (batch, 1, 1)}:
        remedy = (
            "A batch mean is no score per image" if output.ndim == 0 else "Wrap the model and pick one score per image"
        )
        raise ModelOutputError(
            f"The model must return one score per image, of shape ({batch},), ({batch}, 1) or ({batch}, 1, 1) for "
            f"{batch} images. Got shape {shape} instead. {remedy}."
        )
    if output.device != device:
        raise ModelOutputError(
            f"The model must return its scores on the device of the images, {device}. Got {output.device} instead. "
            "Move the model there, or pass device=."
        )
    if output.is_complex() or output.dtype == torch.bool:
        raise ModelOutputError(f"The model must return real numbers. Got {output.dtype} instead.")
    scores = output.reshape(batch)
    return scores if scores.dtype in (torch.float32, torch.float64) else scores.float()


def _first_parameter(model: object) -> Tensor | None:
    if not isinstance(model, nn.Module):
        return None
    return next((t for t in itertools.chain(model.parameters(), model.buffers()) if t.is_floating_point()), None)


def resolve_device(model: object, device: object) -> torch.device:
    """Where the images go: as asked; else where the model's parameters are; else a GPU if there is one.

    Raises:
        InputError: no such device here.
    """
    if device is None:
        parameter = _first_parameter(model)
        if parameter is not None:
            return _with_memory(parameter.device)
        return torch.empty(1, device="cuda" if torch.cuda.is_available() else "cpu").device
    return _with_memory(torch.empty(1, device=device_here(device)).device)  # "cuda" becomes "cuda:0"


def _with_memory(device: torch.device) -> torch.device:
    if device.type == "meta":
        rule = "must be a device with memory; the model's parameters, or what was asked for, are on 'meta'"
        raise InputError.of("device", rule, str(device), "Load the weights, or try device='cpu'.")
    return device


def resolve_dtype(model: object, dtype: object) -> torch.dtype:
    """The arithmetic of the forward pass: as asked; "auto" is the model's own, float32 where it has none.

    Raises:
        InputError: not one of "auto", "float32", "float64", "bfloat16", "float16" or their torch.dtype.
    """
    if isinstance(dtype, torch.dtype) and dtype in DTYPES.values():
        return dtype
    if dtype == "auto":
        parameter = _first_parameter(model)
        return parameter.dtype if parameter is not None and parameter.dtype in DTYPES.values() else torch.float32
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError.of("dtype", f"must be one of 'auto', {', '.join(map(repr, DTYPES))}", dtype)
    return DTYPES[dtype]
