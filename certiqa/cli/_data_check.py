"""``certiqa data check``: open, decode everything, say what is there and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from certiqa._counted import counted
from certiqa._progress import bar
from certiqa.cli._errors import BAD_INPUT, INTERRUPTED, complain
from certiqa.cli._outputs import JsonOutput
from certiqa.data.cache import DecodingCache
from certiqa.data.sets.dataset import OFFICIAL, DataSet
from certiqa.data.sets.decoding import Decoded, decode_all
from certiqa.data.sets.problem import REMEDY, Problem, grouped
from certiqa.data.sets.registry import info, open_dataset
from certiqa.errors import InputError

__all__ = ["run"]

_SIZES_SHOWN = 5


def run(
    name: str, root: str, *, skip_bad: bool, decode: bool, cache: str | None, json: str | None, options: list[str]
) -> int:
    """Check it and print the summary; the exit code. Every line on stderr names the root; the last one the way on."""
    chosen = _options(options)
    if cache is not None and not decode:
        raise InputError.of("--cache", "must be left out with --no-decode: there is nothing to keep", cache)
    output = JsonOutput(json, [root])
    dataset = open_dataset(name, root, skip_bad=True, **chosen)
    store = DecodingCache(cache) if cache is not None else None
    decoded = Decoded(dataset.records, (), Counter())
    if decode:
        done = 0
        try:
            with bar(dataset.name) as progress:

                def count(now: int, total: int) -> None:
                    nonlocal done
                    done = now
                    progress(now, total)

                decoded = decode_all(dataset.records, store, count)
        except KeyboardInterrupt:
            kept = " and kept in the cache" if store else "; with --cache DIR they would be kept"
            images = counted(len(dataset.records), "image")
            complain(f"interrupted: {done} of {images} done{kept}")
            return INTERRUPTED
    problems = (*dataset.problems, *decoded.problems)
    report = _report(dataset, decoded, problems, decode)
    output.write(0, report)
    if not output.on_stdout:
        print("".join(f"{line}\n" for line in _lines(report, store)), end="", flush=True)
    if not problems:
        return 0
    if not skip_bad or not decoded.records:
        for line in (*grouped(problems), REMEDY):
            complain(f"{root}: {line}")
        return BAD_INPUT
    if not output.on_stdout:
        print("".join(f"left out     {line}\n" for line in grouped(problems)), end="", flush=True)
    return 0


def _options(given: Iterable[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.isidentifier() or key in ("name", "root", "skip_bad", "decode"):
            raise InputError.of("--option", "must have the form KEY=VALUE, with an option of the reader", text)
        if key in chosen:
            found = f"{key}={chosen[key]}, {text}"
            raise InputError.of("--option", f"must be given once for {key!r}", found, "Keep one of them.")
        chosen[key] = value
    return chosen


def _report(dataset: DataSet, decoded: Decoded, problems: tuple[Problem, ...], decode: bool) -> dict[str, Any]:
    """What was found, as JSON values."""
    mos = [record.mos for record in decoded.records]
    splits = Counter(record.split for record in decoded.records if record.split)
    validation = {record.path for record in dataset.part("validation").records}
    in_validation = sum(record.path in validation for record in decoded.records)
    facts = info(dataset.name)
    return {
        "name": dataset.name,
        "title": facts.title,
        "root": str(dataset.root),
        "images": len(decoded.records),
        "decoded": decode,
        "mos_range": list(dataset.mos_range),
        "lower_better": dataset.lower_better,
        "mos_seen": [min(mos), max(mos)] if mos else None,
        "with_std": sum(record.std is not None for record in decoded.records),
        "contents": len({record.content for record in decoded.records}),
        "content": facts.content,
        "official_split": {part: splits[part] for part in OFFICIAL if part in splits},
        "certiqa_split": {"fit": len(mos) - in_validation, "validation": in_validation},
        "sizes": [[width, height, count] for (width, height), count in decoded.sizes.most_common()],
        "notes": list(dataset.notes),
        "problems": [{"kind": one.kind, "name": one.name, "row": one.row, "detail": one.detail} for one in problems],
    }


def _lines(report: dict[str, Any], store: DecodingCache | None) -> list[str]:
    low, high = report["mos_range"]
    better = "lower" if report["lower_better"] else "higher"
    seen = f"{report['mos_seen'][0]:g} to {report['mos_seen'][1]:g}" if report["mos_seen"] else "none"
    official = ", ".join(f"{part} {count}" for part, count in report["official_split"].items())
    own = ", ".join(f"{part} {count}" for part, count in report["certiqa_split"].items())
    kept = f" ({store.hits} from the cache)" if store else ""
    lines = [
        f"{report['name']}: {report['title']}, in {report['root']}",
        f"images       {report['images']}{', all decode' if report['decoded'] else ', not decoded'}{kept}",
        f"MOS          {seen} on the scale {low:g}-{high:g}, {better} is better; {report['with_std']} with std",
        f"contents     {report['contents']}; one content is {report['content']}",
        f"official     {official or 'no split'}",
        f"certiqa's    {own}",
    ]
    if sizes := report["sizes"]:
        shown = ", ".join(f"{width}x{height} ({count})" for width, height, count in sizes[:_SIZES_SHOWN])
        more = len(sizes) - _SIZES_SHOWN
        lines.append(f"sizes        {shown}{f' and {more} more' if more > 0 else ''}")
    return [*lines, *(f"note         {note}" for note in report["notes"])]
