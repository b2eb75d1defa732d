"""The output folder: what it is of, one file of records per process, the attacked images that several rows share.

Everything in it is whole or absent after kill -9, and a folder of another config is refused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from certiqa.benchmark.config import Config
from certiqa.benchmark.opening import Opened
from certiqa.errors import InputError
from certiqa.evaluation.records import RecordStore

fcntl: ModuleType | None
try:
    fcntl = import_module("fcntl")
except ImportError:  # not on this system
    fcntl = None

__all__ = ["Folder", "write_whole"]

SCHEMA = 1
Json = dict[str, Any]


class Folder:
    """One output folder, as one of ``shares`` processes sees it.

    Args:
        path: made if it is not there.
        share: which of the processes, from 0.
        shares: how many there are.

    Raises:
        InputError: it cannot be made or written to, or another process of this share is at work in it.
    """

    def __init__(self, path: Path, share: int = 0, shares: int = 1) -> None:
        self.path = path
        try:
            (path / "records").mkdir(parents=True, exist_ok=True)
            (path / "images").mkdir(exist_ok=True)
        except OSError as error:
            rule = f"must be a folder that is there or can be made ({error.strerror})"
            raise InputError.of("--out", rule, str(path)) from error
        self._name = f"{share}-of-{shares}.jsonl"
        self._lock: IO[bytes] | None = None
        self._own: RecordStore | None = None
        self._others: dict[str, Json] = {}

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    @property
    def about(self) -> Json | None:
        """What it is of; None for a new one.

        Raises:
            InputError: it is not such a folder.
        """
        try:
            found = json.loads((self.path / "about.json").read_text(encoding="utf-8"))
            if found["schema"] != SCHEMA or not isinstance(found["config"], dict):
                raise ValueError(f"schema {found['schema']}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            rule = f"must be new, or a folder of this version of certiqa (about.json: {error})"
            raise InputError.of("--out", rule, str(self.path), "Name another folder.") from None
        return dict(found)

    def check(self, config: Config) -> None:
        """Refuse a folder of another config.

        Raises:
            InputError: what differs.
        """
        about = self.about
        if about is not None and about["config_sha256"] != config.sha256:
            differ = _differences(about["config"], json.loads(json.dumps(config.to_dict())))
            rule = f"must be new, or of this config; it is of one that differs in {', '.join(differ) or 'its form'}"
            raise InputError.of("--out", rule, str(self.path), "Name another folder.")

    def begin(self, opened: Opened, command: str, *, compute: bool = True) -> None:
        """Read what is there, and, if anything is to be computed, write down what it is of.

        Raises:
            InputError: it was begun with other weights, versions, images or attacks; another process of this share
                is at work.
        """
        self.check(opened.config)
        if compute:
            self._hold()
        with self._alone() if compute else contextlib.nullcontext():
            self._describe(opened, command, compute)
        self._own = RecordStore(self.path / "records" / self._name, "--out")
        self._others = {key: record for key, record in self.records() if self._own.get(key) is None}

    def _describe(self, opened: Opened, command: str, compute: bool) -> None:
        """Compare with what about.json says, and bring it up to date."""
        about = self.about or {"schema": SCHEMA, "subjects": [], "datasets": []}
        subjects = {_key(one): one for one in about["subjects"]}
        for mine in (one.facts() for one in opened.subjects):
            known = subjects.setdefault(_key(mine), mine)
            if known["identity"] != mine["identity"]:
                rule = (
                    f"must be new, or made with the same weights and versions; its {mine['defence']!r} of "
                    f"{mine['metric']!r} was measured with others"
                )
                raise InputError.of("--out", rule, str(self.path), "Name another folder.")
        datasets = {one["name"]: one for one in about["datasets"]}
        for data in opened.facts():
            if datasets.setdefault(data["name"], data)["sha256"] != data["sha256"]:
                rule = f"must be new, or of the same images and scores; its {data['name']!r} had others"
                raise InputError.of("--out", rule, str(self.path), "Name another folder.")
        attacks = dict(about.get("attacks", {}))
        for text, digest in opened.attack_digests().items():
            if attacks.setdefault(text, digest) != digest:
                rule = f"must be new, or of the same attacks; its {text!r} was made with another file or model"
                raise InputError.of("--out", rule, str(self.path), "Name another folder.")
        if attacks:
            about["attacks"] = attacks
        names = [one.name for one in opened.config.data]
        about |= {
            "config": opened.config.to_dict(),
            "config_sha256": opened.config.sha256,
            "subjects": list(subjects.values()),
            "datasets": sorted(datasets.values(), key=lambda one: names.index(one["name"])),
            "left_out": list(opened.left_out),
            "command": command,
            **_surroundings(opened),
        }
        if compute:
            write_whole(self.path / "about.json", json.dumps(about, indent=1) + "\n")

    def records(self) -> Iterator[tuple[str, Json]]:
        """What all processes have written; lines that are not whole yet are left alone.

        Raises:
            InputError: a file of another kind.
        """
        for path in sorted((self.path / "records").glob("*.jsonl")):
            data = path.read_bytes()
            for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
                try:
                    fields = json.loads(line)
                    yield fields["key"], dict(fields["record"])
                except (ValueError, KeyError, TypeError):
                    rule = f"must be a file of records that certiqa wrote; line {number} is of another kind"
                    raise InputError.of("--out", rule, str(path), "Remove the file, or name another folder.") from None

    def get(self, key: str) -> Json | None:
        """The record of this key."""
        own = None if self._own is None else self._own.get(key)
        return own if own is not None else self._others.get(key)

    def add(self, key: str, record: Json) -> None:
        """Write one line.

        Raises:
            InputError: it cannot be written; the file ends as it did before.
        """
        if self._own is not None:
            self._own.add(key, record)

    def writable(self) -> bool:
        """Whether there is room for another record: a full disk ends a run, a picture that fails does not."""
        probe = self.path / "records" / f".{self._name}.probe"
        try:
            probe.write_bytes(b" " * 65536)
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        return True

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process reads or writes about.json meanwhile, where the system has locks."""
        if fcntl is None:
            yield
            return
        with (self.path / "records" / "about.lock").open("wb") as lock:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _hold(self) -> None:
        """Until this process ends, no other one writes the same file."""
        if fcntl is None:  # two processes of one share are the caller's own affair
            return
        try:
            self._lock = (self.path / "records" / f"{self._name}.lock").open("wb")
        except OSError as error:
            rule = f"must be a folder that can be written to ({error.strerror})"
            raise InputError.of("--out", rule, str(self.path)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return  # a file system without locks: as on a system without them
            rule = "must not be the place of another run that is still at work"
            remedy = "Wait for it, or share the work: --part 0/2 and --part 1/2."
            raise InputError.of("--out", rule, str(self.path), remedy) from None


def write_whole(path: Path, content: str | bytes | Callable[[IO[bytes]], object]) -> None:
    """Beside its place first, so that a file is there whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"Cannot write {str(path)!r}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _key(subject: Json) -> tuple[Any, ...]:
    return subject["metric"], subject["defence"], subject["sigma"]


def _differences(one: Json, other: Json) -> list[str]:
    return [key for key in sorted({*one, *other}) if one.get(key) != other.get(key)]


def _surroundings(opened: Opened) -> Json:
    import platform

    import torch

    from certiqa._provenance import versions
    from certiqa.trial.defended import device_of

    device = device_of(next(iter(opened.bases.values())).metric)
    machine: Json = {"processor": platform.machine(), "cores": os.cpu_count(), "threads": torch.get_num_threads()}
    machine["device"] = str(device)
    if device.type == "cuda":
        machine["gpu"] = torch.cuda.get_device_name(device)
    return {"versions": versions(), "machine": machine}
