"""Agreement with people against the strength of the certificate: up and to the right is better."""

from __future__ import annotations

from markupsafe import Markup

from certiqa.benchmark.result import Row
from certiqa.evaluation.correlation import Estimate
from certiqa.report import svg
from certiqa.report.figures.axes import Axes
from certiqa.report.figures.figure import Drawing, Entry, Figure, Panel, mark_swatch
from certiqa.report.groups import Group, alarms_of, row_label, series_label
from certiqa.report.numbers import decimals, is_number, together
from certiqa.report.palette import Style
from certiqa.report.scale import range_of
from certiqa.report.tables.summary import summary
from certiqa.statistics.percentile import eps_from_linf, psnr_db

__all__ = ["FRONTIER", "LINF_2", "frontier"]

FRONTIER = (
    "Each point is a defence at one sigma (the small number); bars are intervals. To the right, stronger attacks are "
    "covered: the axis is the PSNR down to which the median image keeps tau <= SD/2. The line across is the "
    "undefended metric, with its interval; the dashed upright line is an attack of 2 grey levels on every pixel "
    "(l_inf 2/255, 42.1 dB). The strip on the left has the rows for which no such certificate is there; a dashed "
    "curve has a working resolution."
)
"""How to read it."""

_PIXELS = 3 * 512 * 512
LINF_2 = psnr_db(eps_from_linf(2 / 255, _PIXELS), _PIXELS)
"""PSNR of a change of two grey levels everywhere, dB; the number of pixels falls out."""
_STRIP = 44.0


def frontier(group: Group, styles: dict[str, Style]) -> Figure | None:
    """None where no row has an SROCC."""
    drawn = [row for row in group.contenders if _value(row.srocc) is not None]
    if not drawn:
        return None
    placed = [row for row in drawn if row.certified and _value(row.certified.psnr_at_half_sd) is not None]
    beside = [row for row in drawn if row not in placed and row.kind != "none"]
    key = f"frontier-{group.key}"
    title = f"Agreement against certified strength: {group.title}"
    description = _described(group, placed)
    small, large = (
        Drawing(_drawn(group, placed, beside, styles, *size), *size, title, description, f"{key}-{name}")
        for name, size in (("small", (340.0, 330.0)), ("large", (1000.0, 460.0)))
    )
    legend = {series_label(row): Entry(mark_swatch(styles[row.defence]), row.defence) for row in [*placed, *beside]}
    return Figure(
        key,
        title,
        FRONTIER,
        (Panel("", small, large),),
        tuple({entry.label: entry for entry in legend.values()}.values()),
        summary(group, styles)
        .only("defence and σ", "SROCC", "certified down to")
        .renamed(f"{key}-data", f"Behind the figure. {title}"),
        group.key,
        _left_out(group),
    )


def _value(found: Estimate | None) -> float | None:
    return found.value if found is not None and is_number(found.value) else None


def _psnr(row: Row) -> Estimate | None:
    return row.certified.psnr_at_half_sd if row.certified else None


def _ends(found: Estimate | None) -> list[float | None]:
    return [] if found is None else [found.value, *(found.interval or ())]


def _drawn(
    group: Group, placed: list[Row], beside: list[Row], styles: dict[str, Style], width: float, height: float
) -> Markup:
    undefended = group.undefended
    base = _value(undefended.srocc) if undefended else None
    xs = range_of([LINF_2, *(v for row in placed for v in _ends(_psnr(row)))])
    ys = range_of([base, *(v for row in [*placed, *beside] for v in _ends(row.srocc))])
    axes = Axes.of(xs, ys, width, height, turned=True, strip=_STRIP)
    wide = width > 500
    said = "PSNR certified for the median image, dB (stronger attacks →)" if wide else "certified PSNR, dB (stronger →)"
    pieces = [axes.frame(said, "SROCC with human scores")]
    edge = axes.left + _STRIP - 8
    pieces.append(svg.line(edge, axes.top, edge, axes.bottom, "line", stroke_dasharray="1 3"))
    if beside:
        pieces.append(svg.text(axes.left + (_STRIP - 8) / 2, axes.bottom + 16, "none", "middle"))
    if undefended is not None and base is not None:
        pieces.append(_undefended(axes, undefended, base))
    x = axes.x(LINF_2)
    pieces.append(svg.line(x, axes.top, x, axes.bottom, "alarm", stroke_dasharray="5 4"))
    pieces.append(svg.text(x - 4, axes.bottom - 6, "l_inf 2/255", "end", fill="alarm"))
    for i, row in enumerate(beside):
        place = axes.left + 6 + (i % 4) * (_STRIP - 20) / 3
        pieces.append(_point(axes, row, styles[row.defence], place))
    return svg.joined([*pieces, _series(axes, placed, styles)])


def _undefended(axes: Axes, row: Row, base: float) -> Markup:
    pieces = []
    if row.srocc is not None and row.srocc.interval is not None:
        top, bottom = axes.y(row.srocc.interval[1]), axes.y(row.srocc.interval[0])
        pieces.append(svg.rectangle(axes.left, top, axes.right - axes.left, bottom - top, "ink", opacity=".07"))
    y = axes.y(base)
    pieces.append(svg.line(axes.left, y, axes.right, y, "ink", stroke_width=1.2))
    pieces.append(svg.text(axes.right - 2, y - 5, f"undefended {decimals(base, 3)}", "end", fill="ink"))
    return svg.joined(pieces)


def _point(axes: Axes, row: Row, style: Style, x: float) -> Markup:
    if row.srocc is None:
        return Markup("")
    drawn = svg.mark(style, x, axes.y(row.srocc.value))
    if row.srocc.interval is not None:
        drawn = axes.whiskers([(x, *row.srocc.interval)], style.colour) + drawn
    return drawn


def _series(axes: Axes, placed: list[Row], styles: dict[str, Style]) -> Markup:
    lines: dict[str, list[Row]] = {}
    for row in placed:
        lines.setdefault(series_label(row), []).append(row)
    under, over, taken = [], [], list[tuple[float, float]]()
    for rows in lines.values():
        style = styles[rows[0].defence]
        rows = sorted(rows, key=lambda row: row.sigma or 0.0)
        places = [(axes.x(_value(_psnr(row)) or 0.0), axes.y(_value(row.srocc) or 0.0)) for row in rows]
        under.append(svg.polyline(places, style.colour, None if rows[0].resolution is None else "4 3"))
        for row, (x, y) in zip(rows, places, strict=True):
            interval = getattr(_psnr(row), "interval", None)
            if interval is not None:
                ends = (axes.x(interval[0]), axes.x(interval[1]))
                under.append(svg.line(ends[0], y, ends[1], y, style.colour, stroke_width=1, opacity=".65"))
            over.append(_point(axes, row, style, x))
            taken.append((x, y))
    labels = [
        _label(f"{row.sigma:g}", axes.x(_value(_psnr(row)) or 0.0), axes.y(_value(row.srocc) or 0.0), taken)
        for row in placed
        if row.sigma is not None
    ]
    return svg.joined([*under, *over, *labels])


def _label(said: str, x: float, y: float, taken: list[tuple[float, float]]) -> Markup:
    """Beside the point, where there is the most room; its place is then taken."""
    width = svg.width_of(said, 10)
    places = [
        (x + 7 + width / 2, y - 7),
        (x + 7 + width / 2, y + 8),
        (x - 7 - width / 2, y - 7),
        (x - 7 - width / 2, y + 8),
    ]

    def room(place: tuple[float, float]) -> float:
        return min(max(abs(place[0] - a) / 1.6, abs(place[1] - b)) for a, b in taken)

    best = max(places, key=lambda place: min(room(place), 9.0))
    taken.append(best)
    return svg.text(best[0], best[1] + 3, said, "middle", font_size=10)


def _described(group: Group, placed: list[Row]) -> str:
    points = [
        f"{row_label(row)}: SROCC {decimals(_value(row.srocc), 3)} at {decimals(_value(_psnr(row)), 1)} dB"
        for row in placed
    ]
    base = _value(group.undefended.srocc) if group.undefended else None
    said = f"Undefended: SROCC {decimals(base, 3)}. " if base is not None else ""
    return f"{said}{together(points, most=40)}." if points else f"{said}No row has a certificate that could be placed."


def _left_out(group: Group) -> tuple[str, ...]:
    missing = [row_label(row) for row in group.rows if _value(row.srocc) is None]
    alarmed = [row_label(row) for row in group.rows if alarms_of(row)]
    found = [f"Not in the figure, because no SROCC is defined for them: {together(missing)}."] if missing else []
    return (*found, *([f"With soundness alarms, not to be quoted: {together(alarmed)}."] if alarmed else []))
