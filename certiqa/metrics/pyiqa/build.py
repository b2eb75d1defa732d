"""Building a metric of pyiqa: its weights, its licence, and what it leaves behind in the process."""

from __future__ import annotations

import dataclasses
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import lru_cache
from importlib import import_module

import torch
from torch import nn

from certiqa.errors import CertiqaError, InputError, MissingExtraError, ModelError
from certiqa.metrics.pyiqa.catalogue import PACKAGE, card, config, missing
from certiqa.metrics.pyiqa.checkpoint import Checkpoint, read_checkpoint
from certiqa.metrics.pyiqa.downloads import download_error
from certiqa.metrics.pyiqa.metric import PyiqaMetric
from certiqa.metrics.pyiqa.randomness import kept_random_states
from certiqa.metrics.pyiqa.texts import no_text_cache, settle_texts
from certiqa.metrics.pyiqa.traits import Traits, traits_of

__all__ = ["load"]

_log = logging.getLogger("certiqa.metrics.pyiqa")
_BUILDING = threading.RLock()  # standard output, sys.argv and the random states belong to the whole process


def load(name: str, device: torch.device | str, weights: str | os.PathLike[str] | None = None) -> PyiqaMetric:
    """A no-reference metric of pyiqa: eval mode, parameters frozen, on the device; global random states untouched.

    pyiqa downloads the published weights when the metric is built for the first time, and keeps them. Its licence is
    logged once per process (logger ``certiqa.metrics.pyiqa``, level WARNING), and what it prints goes to that logger
    at level INFO.

    Args:
        name: without the prefix.
        device: a torch device.
        weights: a checkpoint (``.pth`` or ``.safetensors``) that replaces the published one. It is read without
            unpickling code, must fit the network exactly, and its SHA-256 stands in the metric's card. Backbones that
            pyiqa starts from are still asked for.

    Raises:
        MissingExtraError: pyiqa, or a package that it needs, is not installed.
        UnknownNameError: no such metric.
        InputError: it needs a reference, a caption or a set of images; or takes no weight file.
        WeightsError: the hub cannot be reached, or the weight file does not fit.
        ModelError: pyiqa cannot build it here.
    """
    facts, options = card(name), config(name)["metric_opts"]
    traits = traits_of(options)
    if traits.refusal:
        raise InputError.of("name", f"must be a metric of one image; this one {traits.refusal}", facts.name)
    checkpoint = None if weights is None else read_checkpoint(weights)
    _show_licence(facts.licence)
    with _BUILDING, kept_random_states(), _quietly(), _no_training_script():
        net = _network(name, device, traits, checkpoint)
        if checkpoint is not None:
            checkpoint.put_into(net, facts.name)
            facts = dataclasses.replace(facts, weights_sha256=checkpoint.sha256)
        if traits.texts:
            settle_texts(net, renew=checkpoint is not None)
    return PyiqaMetric(facts, net, traits).to(device).requires_grad_(False).eval()


def _network(name: str, device: torch.device | str, traits: Traits, checkpoint: Checkpoint | None) -> nn.Module:
    """pyiqa's network; without its published checkpoint if another one is to replace it."""
    try:
        options = {} if checkpoint is None else {"pretrained": None, **traits.untrained}
        alone = traits.texts and (checkpoint is not None or not traits.texts_on_disk)
        with no_text_cache() if alone else nullcontext():
            net: nn.Module = import_module(PACKAGE).create_metric(name, device=torch.device(device), **options).net
        return net
    except CertiqaError:
        raise
    except ModuleNotFoundError as error:
        raise _missing_module(name, error) from error
    except Exception as error:
        if checkpoint is not None and isinstance(error, TypeError) and "'pretrained'" in str(error):
            rule = f"must not be given: pyiqa:{name} takes no weight file"
            raise InputError.of("weights", rule, os.fspath(checkpoint.path)) from error
        found = download_error(f"pyiqa:{name}", error)
        if found is not None:
            raise found from error
        text = " ".join(str(error).split())[:300]
        raise ModelError(f"pyiqa could not build {name!r} on {device}: {type(error).__name__}: {text}") from error


def _missing_module(name: str, error: ModuleNotFoundError) -> MissingExtraError:
    absent = (error.name or "?").split(".")[0]
    if absent == "pyiqa":
        return missing()
    if absent == "pkg_resources":
        return MissingExtraError(
            f"pyiqa:{name} needs the module 'pkg_resources', which setuptools no longer has from version 81 on. "
            "Run: pip install 'setuptools<81'"
        )
    return MissingExtraError(
        f"pyiqa:{name} needs the package {absent!r}, which is not installed. Run: pip install {absent}"
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """What pyiqa prints goes to the log; what old packages say of their age, and files left open, goes nowhere."""
    printed = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(printed):
            for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        for line in filter(None, map(str.strip, printed.getvalue().splitlines())):
            _log.info("%s", line)


@contextmanager
def _no_training_script() -> Iterator[None]:
    """MetaIQA loads other weights, the seed of a training, if the running script has train.py in its name."""
    before = sys.argv
    sys.argv = ["certiqa"]
    try:
        yield
    finally:
        sys.argv = before


@lru_cache(maxsize=1)
def _show_licence(licence: str) -> None:
    """Once per process."""
    _log.warning("Metrics of pyiqa are under a licence of their own: %s.", licence)
