"""Which weights stand behind the figures of a page: those that ship, or those that shipped before.

A result file states the digest of every model that it measured. Where that is the digest of weights which have been
replaced since, the page says so, and which commit has them.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["FORMER", "notice"]

FORMER = {
    "59e80a37718c681eeed92f038eb862ad5351d210caea1dd367266eb072ffc955": ("`builtin`", "d4b9912"),
    "1db451983ad8caed53579c07132d54051ab19c8986000588de10b571fc76b903": ("`dms-iqa`", "d4b9912"),
}
"""Digest of the model, as certificates state it: its name, and the last commit that ships it."""


def notice(*results: Path, card: str = "builtin.md") -> str:
    """One sentence for a page whose figures come from these files; ``card``: where from there the metric's card is."""
    text = "".join(path.read_text(encoding="utf-8") for path in results)
    old = {name: (digest, commit) for digest, (name, commit) in FORMER.items() if digest in text}
    if not old:
        return "Measured on the weights that ship."
    named = " and ".join(f"{name} (digest `{digest[:8]}`, commit {commit})" for name, (digest, commit) in old.items())
    return (
        f"Measured on weights that have been replaced since: {named}. The figures are theirs, not those of the weights "
        f"that ship under these names today ([what changed]({card}))."
    )
