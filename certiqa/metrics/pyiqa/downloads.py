"""Weights that could not be had: what was asked for, from where, and where to put it by hand."""

from __future__ import annotations

import traceback
from typing import Any

from certiqa.errors import WeightsError

__all__ = ["download_error"]

# function: the names of its local variables that hold the address and the place on disk.
_DOWNLOADS = {
    "load_file_from_url": ("url", "cached_file"),  # pyiqa
    "load_state_dict_from_url": ("url", "cached_file"),  # torch.hub, for torchvision
    "_download": ("url", "download_target"),  # CLIP
    "download_url_to_file": ("url", "dst"),  # torch.hub
}


def download_error(name: str, error: BaseException) -> WeightsError | None:
    """The error to raise if ``error`` came out of a download; None if it came from elsewhere."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        function, values = frame.f_code.co_name, frame.f_locals
        if function in _DOWNLOADS:
            url, place = (values.get(variable) for variable in _DOWNLOADS[function])
            if url is not None and place is not None:
                return _unreachable(name, str(url), f"the file {str(place)!r}", error)
        found = _on_hugging_face(function, values)
        if found is not None:
            remedy = "the Hugging Face cache of this machine (HF_HOME), with `hf download` where there is a network"
            return _unreachable(name, found, remedy, error)
    return None


def _on_hugging_face(function: str, values: dict[str, Any]) -> str | None:
    if function == "hf_hub_download" and values.get("repo_id") and values.get("filename"):
        return f"https://huggingface.co/{values['repo_id']}, file {values['filename']}"
    if function in ("cached_files", "cached_file") and values.get("path_or_repo_id"):
        return f"https://huggingface.co/{values['path_or_repo_id']}"
    return None


def _unreachable(name: str, source: str, place: str, error: BaseException) -> WeightsError:
    reason = " ".join(str(error).split())[:160]
    return WeightsError(
        f"The weights of {name} could not be had: tried {source} ({type(error).__name__}: {reason}). By hand: put it "
        f"into {place}. A checkpoint of your own: certiqa.metrics.load({name!r}, weights=PATH), which replaces the "
        f"metric's published checkpoint; the backbone that pyiqa starts from is asked for all the same."
    )
