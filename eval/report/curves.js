/* SPDX-License-Identifier: BSD-2-Clause */
/* The rate-distortion curves: uPlot draws the lines and axes, this file the
   marks, the nearest point under the pointer and the keyboard's way through. */
"use strict";

const curves = {
    plot: null,         /* uPlot, made anew when what it shows changes */
    metric: null,
    decibel: false,
    log: false,
    zoomed: false,
    hidden: new Set(),  /* indices of codecs */
    lines: [],          /* by codec: [{x, y, point}], by rising rate */
    at: null,           /* [codec, index] of the point told about */
};

/* Metrics up to 1 crowd there; decibels of what is missing spread them. */
const canDecibel = (metric) => /^(ms_)?ssim$/.test(metric.key);
const inDecibel = () => curves.decibel && canDecibel(curves.metric);

function valueOf(point) {
    const v = point.metrics[curves.metric.key];
    if (!isNumber(v) || !isNumber(point.rate) || point.rate <= 0)
        return null;
    if (!inDecibel())
        return v;
    return v < 1 ? -10 * Math.log10(1 - v) : null;
}

function valueText(v) {
    return inDecibel() ? v.toFixed(2) + " dB" : metricText(curves.metric, v);
}

function yTitle() {
    return inDecibel() ? metricName(curves.metric) + ", dB"
        : metricTitle(curves.metric);
}

function gatherLines() {
    curves.lines = report.codecs.map((codec) => codec.points
        .map((point) => ({x: point.rate, y: valueOf(point), point}))
        .filter((p) => p.y !== null)
        .sort((a, b) => a.x - b.x));
}

const shownLines = () => curves.lines.map(
    (line, i) => curves.hidden.has(i) ? [] : line);

/* Where every shown point is, with some air around it. */
function ranges() {
    const all = shownLines().flat();
    if (all.length === 0)
        return {x: [curves.log ? 0.1 : 0, 1], y: [0, 1]};
    const xs = all.map((p) => p.x), ys = all.map((p) => p.y);
    const x0 = Math.min(...xs), x1 = Math.max(...xs);
    const y0 = Math.min(...ys), y1 = Math.max(...ys);
    const air = (y1 - y0 || Math.abs(y1) || 1) * 0.06;
    return {
        x: curves.log ? [x0 / 1.12, x1 * 1.12] : [0, x1 * 1.04],
        y: [y0 - air, y1 + air],
    };
}

/* What uPlot asks for after a drag, unless no point lies in it. */
const zoomedOr = (low, high, axis) => curves.zoomed && isNumber(low) &&
    isNumber(high) && low < high ? [low, high] : ranges()[axis];

/* Round rates for a logarithmic axis, as many as a narrow span needs. */
function logSplits(low, high) {
    for (const steps of [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7],
                         [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7,
                          8, 9]]) {
        const out = [];
        for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) {
            out.push(...steps.map((s) => Number((s * 10 ** e).toPrecision(6)))
                     .filter((v) => v >= low && v <= high));
        }
        if (out.length >= 4)
            return out;
    }
    return [low, high];
}

const tickText = (values) => values.map((v) => v === null ? ""
    : String(Number(v.toPrecision(6))).replace("-", "−"));

function drawMarks(u) {
    const ctx = u.ctx;
    const size = devicePixelRatio;
    const ground = printing ? "#fff"
        : getComputedStyle($("chart")).getPropertyValue("--ground");
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left - 6 * size, u.bbox.top - 6 * size,
             u.bbox.width + 12 * size, u.bbox.height + 12 * size);
    ctx.clip();
    curves.lines.forEach((line, i) => {
        if (curves.hidden.has(i))
            return;
        const style = styleOf(i);
        const mark = new Path2D(style.mark);
        for (const p of line) {
            ctx.save();
            ctx.translate(u.valToPos(p.x, "x", true),
                          u.valToPos(p.y, "y", true));
            ctx.scale(size, size);
            ctx.strokeStyle = ground;
            ctx.lineWidth = 2;
            ctx.stroke(mark);
            ctx.fillStyle = style.colour;
            ctx.fill(mark);
            ctx.restore();
        }
    });
    ctx.restore();
}

function chartSize() {
    const width = printing ? 660 : $("chart").clientWidth;
    return {width, height: Math.round(Math.min(Math.max(width * 0.56, 300),
                                               printing ? 360 : 480))};
}

/* Anew from the data; keepZoom leaves an enlarged part as it is. */
function drawChart(keepZoom) {
    const kept = keepZoom === true && curves.zoomed
        ? ["x", "y"].map((k) => [k, {...curves.plot.scales[k]}]) : [];
    const css = getComputedStyle($("chart"));
    const ink = printing ? "#444" : css.getPropertyValue("--soft").trim();
    const grid = {stroke: printing ? "#ddd"
        : css.getPropertyValue("--rule").trim(), width: 1};
    const font = "12px system-ui, sans-serif";
    const axis = {stroke: ink, grid, ticks: {...grid, size: 5}, font,
                  labelFont: "13px system-ui, sans-serif", labelGap: 4,
                  values: (u, splits) => tickText(splits)};

    if (curves.plot)
        curves.plot.destroy();
    gatherLines();
    curves.zoomed = kept.length > 0;
    curves.at = null;
    $("tip").hidden = true;
    $("whole").hidden = !curves.zoomed;
    $("chart").setAttribute("aria-label", yTitle() + " against " +
                            report.rate.label);
    const nothing = curves.lines.every((line) => line.length === 0);
    $("chart-empty").hidden = !nothing;
    $("chart-empty").textContent = "No codec has a value of " +
        metricName(curves.metric) + ".";
    const tables = curves.lines.map((line) => [line.map((p) => p.x),
                                               line.map((p) => p.y)]);
    const data = nothing ? [[], ...tables.map(() => [])]
        : uPlot.join(tables);
    curves.plot = new uPlot({
        ...chartSize(),
        padding: [10, 14, 0, 0],
        legend: {show: false},
        cursor: {points: {show: false}, y: false, x: false,
                 drag: {x: true, y: true, uni: 20}},
        scales: {
            x: {time: false, distr: curves.log ? 3 : 1,
                range: (u, a, b) => zoomedOr(a, b, "x")},
            y: {range: (u, a, b) => zoomedOr(a, b, "y")},
        },
        axes: [
            {...axis, label: report.rate.label, size: 34, labelSize: 24,
             filter: (u, splits) => splits,
             ...(curves.log ? {splits: (u, k, a, b) => logSplits(a, b)} : {})},
            {...axis, label: yTitle(), size: 50, labelSize: 22},
        ],
        series: [{}, ...report.codecs.map((codec, i) => ({
            label: codec.name, stroke: styleOf(i).colour, width: 2,
            dash: styleOf(i).dash, spanGaps: true, points: {show: false},
            show: !curves.hidden.has(i),
        }))],
        hooks: {
            drawSeries: [(u, k) => {
                if (k === report.codecs.length)
                    drawMarks(u);
            }],
            setSelect: [(u) => {
                if (u.select.width > 0 && u.select.height > 0) {
                    curves.zoomed = true;
                    $("whole").hidden = false;
                }
            }],
        },
    }, data, $("chart"));
    for (const [k, {min, max}] of kept)
        curves.plot.setScale(k, {min, max});
    curves.plot.over.append(make("div", {id: "ring", hidden: true}));
    listenToPointer(curves.plot.over);
}

const placeOf = (p) => [curves.plot.valToPos(p.x, "x"),
                        curves.plot.valToPos(p.y, "y")];

/* Tell about one point: a ring around it, and its numbers beside it. */
function tellPoint(codec, index, aloud) {
    const p = curves.lines[codec][index];
    const [x, y] = placeOf(p);
    const over = curves.plot.over;
    const name = report.codecs[codec].name;
    const tip = $("tip"), ring = $("ring");
    curves.at = [codec, index];
    tip.replaceChildren(
        make("strong", {}, swatch(codec), name),
        make("span", {}, "q " + p.point.q),
        make("span", {}, rateText(p.x)),
        make("span", {}, metricName(curves.metric) + " " + valueText(p.y)));
    tip.hidden = false;
    ring.hidden = x < 0 || y < 0 || x > over.clientWidth ||
        y > over.clientHeight;
    ring.style.left = x + "px";
    ring.style.top = y + "px";
    const left = over.offsetLeft + x, top = over.offsetTop + y;
    const room = $("chart").clientWidth - tip.offsetWidth - 4;
    const beside = left + 16 > room ? left - 16 - tip.offsetWidth : left + 16;
    tip.style.left = Math.max(4, Math.min(beside, room)) + "px";
    tip.style.top = Math.max(0, top - tip.offsetHeight - 12) + "px";
    if (aloud) {
        $("chart-live").textContent = name + ", q " + p.point.q + ": " +
            rateText(p.x) + ", " + metricName(curves.metric) + " " +
            valueText(p.y);
    }
}

function tellNothing() {
    curves.at = null;
    $("tip").hidden = true;
    $("ring").hidden = true;
}

function listenToPointer(over) {
    const look = (event) => {
        const box = over.getBoundingClientRect();
        const px = event.clientX - box.left, py = event.clientY - box.top;
        let best = null, near = event.pointerType === "touch" ? 60 : 48;
        shownLines().forEach((line, i) => line.forEach((p, k) => {
            const [x, y] = placeOf(p);
            const d = Math.hypot(x - px, y - py);
            const inside = x >= -1 && y >= -1 && x <= box.width + 1 &&
                y <= box.height + 1;
            if (d < near && inside) {
                near = d;
                best = [i, k];
            }
        }));
        if (best)
            tellPoint(...best, false);
        else
            tellNothing();
    };
    over.addEventListener("pointermove", look);
    over.addEventListener("pointerdown", look);
    over.addEventListener("pointerleave", (event) => {
        if (event.pointerType !== "touch")
            tellNothing();
    });
    over.addEventListener("dblclick", wholeRange);
}

function wholeRange() {
    curves.zoomed = false;
    drawChart();
}

function stepThrough(event) {
    const lines = shownLines();
    const some = lines.map((line, i) => i).filter((i) => lines[i].length > 0);
    if (event.target !== $("chart") || some.length === 0)
        return;
    if (event.key === "Escape") {
        tellNothing();
        return;
    }
    let [codec, index] = curves.at || [some[0], -1];
    if (!some.includes(codec))
        [codec, index] = [some[0], -1];
    const last = lines[codec].length - 1;
    const turn = (by) => {
        const k = (some.indexOf(codec) + by + some.length) % some.length;
        const rate = index < 0 ? 0 : lines[codec][index].x;
        codec = some[k];
        /* the point of the other curve that is nearest in rate */
        index = lines[codec].reduce((a, p, i, line) =>
            Math.abs(p.x - rate) < Math.abs(line[a].x - rate) ? i : a, 0);
    };
    switch (event.key) {
    case "ArrowRight": index = Math.min(index + 1, last); break;
    case "ArrowLeft": index = Math.max(index - 1, 0); break;
    case "Home": index = 0; break;
    case "End": index = last; break;
    case "ArrowDown": turn(curves.at ? 1 : 0); break;
    case "ArrowUp": turn(curves.at ? -1 : 0); break;
    default: return;
    }
    event.preventDefault();
    tellPoint(codec, index, true);
}

function pressed(button, on) {
    button.setAttribute("aria-pressed", String(on));
}

function fillLegend() {
    report.codecs.forEach((codec, i) => {
        const anchor = codec.name === report.anchor
            ? make("span", {class: "faint"}, "anchor") : null;
        const button = make("button", {type: "button", "aria-pressed": "true",
                                       "data-codec": codec.name},
                            swatch(i), codec.name, anchor);
        button.addEventListener("click", () => {
            const show = curves.hidden.has(i);
            if (show)
                curves.hidden.delete(i);
            else
                curves.hidden.add(i);
            pressed(button, show);
            drawChart(true);
        });
        $("legend").append(button);
    });
}

function pickMetric(key) {
    curves.metric = report.metrics.find((m) => m.key === key);
    $("decibel").hidden = !canDecibel(curves.metric);
    drawChart();
}

function startCurves() {
    if (report.metrics.length === 0 || report.codecs.length === 0) {
        $("curves").hidden = true;
        return;
    }
    for (const m of report.metrics)
        $("metric").append(make("option", {value: m.key}, metricName(m)));
    $("metric").addEventListener("change", () => pickMetric($("metric").value));
    for (const key of ["decibel", "log"]) {
        $(key).addEventListener("click", () => {
            curves[key] = !curves[key];
            pressed($(key), curves[key]);
            drawChart();
        });
    }
    $("whole").addEventListener("click", wholeRange);
    $("chart").addEventListener("keydown", stepThrough);
    $("chart").addEventListener("blur", tellNothing);
    fillLegend();
    pickMetric(report.metrics[0].key);
    onRepaint(() => drawChart(true));
    new ResizeObserver(() => {
        if (!printing && curves.plot.width !== $("chart").clientWidth) {
            tellNothing();
            curves.plot.setSize(chartSize());
        }
    }).observe($("chart"));
}
