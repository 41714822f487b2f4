"""A small line plot as SVG: one line a contender over the number of clients (logarithmic), values linear or logarithmic.
Colours are readable on white and on black; everything is text and lines, so that a diff of two plots can be read."""
import html, math

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 244, 36, 44
COLOURS = ["#2f7ed8", "#d9541e", "#3a9d5d", "#8e5bc0", "#b8860b", "#c2407a"]
STYLE = ("text{font:12px sans-serif;fill:#777}.title{font-weight:bold}.grid{stroke:#999;stroke-opacity:.35}"
         ".line{fill:none;stroke-width:2}.reference{stroke-dasharray:6 4}")


def nice_ceiling(value):
    """the least 1, 2 or 5 times a power of ten that is not below value"""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


class Axis:
    def __init__(self, low, high, begin, end, logarithmic):
        self.low, self.high, self.begin, self.end, self.logarithmic = low, high, begin, end, logarithmic

    def at(self, value):
        place = (lambda v: math.log(max(v, self.low / 10))) if self.logarithmic else float
        span = place(self.high) - place(self.low)
        share = (place(value) - place(self.low)) / span if span else 0.5
        return self.begin + share * (self.end - self.begin)


def value_axis(values, logarithmic):
    if logarithmic:
        low = 10 ** math.floor(math.log10(min(values)))
        high = 10 ** math.ceil(math.log10(max(max(values), low * 10)))
        ticks = [low * 10 ** n for n in range(round(math.log10(high / low)) + 1)]
    else:
        high = nice_ceiling(max(values))
        low, ticks = 0, [high * n / 5 for n in range(6)]
    return Axis(low, high, HEIGHT - BOTTOM, TOP, logarithmic), ticks


def text(x, y, words, anchor="start", kind=""):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{html.escape(words)}</text>'


def frame(title, unit, x_axis, clients, y_axis, ticks):
    yield text(LEFT, 18, f"{title} ({unit})", kind="title")
    for tick in ticks:
        y = y_axis.at(tick)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        yield text(LEFT - 8, y + 4, f"{tick:g}", "end")
    for count in clients:
        yield text(x_axis.at(count), HEIGHT - BOTTOM + 18, str(count), "middle")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "clients", "middle")


def series_lines(number, name, points, x_axis, y_axis):
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in points)
    yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
    for x, y in points:
        yield f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{colour}"><title>{html.escape(name)}, {x} clients: {y:g}</title></circle>'
    yield from legend(number, name, colour, "")


def reference_line(number, name, value, y_axis):
    colour, y = COLOURS[number % len(COLOURS)], y_axis.at(value)
    yield f'<line class="line reference" stroke="{colour}" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"><title>{html.escape(name)}: {value:g}</title></line>'
    yield from legend(number, name, colour, " reference")


def legend(number, name, colour, kind):
    x, y = WIDTH - RIGHT + 14, TOP + 8 + 20 * number
    yield f'<line class="line{kind}" stroke="{colour}" x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}"/>'
    yield text(x + 28, y + 4, name)


def line_plot(title, unit, series, references=None, logarithmic=False):
    """series: name → [(clients, value)]; references: name → value, drawn across. Values are positive where the axis is logarithmic."""
    references = references or {}
    clients = sorted({x for points in series.values() for x, _ in points})
    values = [y for points in series.values() for _, y in points if y > 0 or not logarithmic] + list(references.values())
    x_axis = Axis(clients[0], clients[-1], LEFT + 12, WIDTH - RIGHT - 12, True)
    y_axis, ticks = value_axis(values or [1], logarithmic)
    parts = list(frame(title, unit, x_axis, clients, y_axis, ticks))
    for number, (name, points) in enumerate(series.items()):
        parts += series_lines(number, name, points, x_axis, y_axis)
    for number, (name, value) in enumerate(references.items(), len(series)):
        parts += reference_line(number, name, value, y_axis)
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">\n'
            f"<style>{STYLE}</style>\n{body}\n</svg>\n")
