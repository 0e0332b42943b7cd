/* SPDX-License-Identifier: BSD-2-Clause */
/* The report's data, what every part needs, the header and the tables. */
"use strict";

/* Chosen to be told apart by colour-blind readers, on white and on dark. */
const COLOURS = {
    light: ["#0072b2", "#c94f00", "#00805e", "#b8478a",
            "#946500", "#5d5d66", "#0e8fa3", "#7442b8"],
    dark: ["#5ab4ec", "#ff8c50", "#35c99d", "#f097c6",
           "#e3b52c", "#c9c9d1", "#6fdcec", "#b99cff"],
};

/* Marks about four units around the origin, for canvas and SVG alike. */
const MARKS = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",           /* disc */
    "M-3.6-3.6H3.6V3.6H-3.6Z",                      /* square */
    "M0-4.8L4.6 3.4H-4.6Z",                         /* triangle */
    "M0-5L5 0L0 5L-5 0Z",                           /* diamond */
    "M0 4.8L-4.6-3.4H4.6Z",                         /* triangle, down */
    "M-1.5-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
    "M-4-4L4-4L-4 4L4 4Z",                          /* hourglass */
    "M0-5.2L1.4-1.7L5-1.6L2.2.7L3.1 4.2L0 2.2L-3.1 4.2L-2.2.7L-5-1.6L-1.4-1.7Z",
];

/* Past the eighth codec, colours repeat with another kind of line. */
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const scheme = () => dark.matches && !printing ? "dark" : "light";

const styleOf = (i) => ({
    colour: COLOURS[scheme()][i % COLOURS.light.length],
    mark: MARKS[i % MARKS.length],
    dash: DASHES[Math.floor(i / COLOURS.light.length) % DASHES.length],
});

let report = null;

const $ = (id) => document.getElementById(id);

/* make("p", {class: "hint"}, "text", node...) */
function make(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) {
        if (v !== null && v !== undefined && v !== false)
            e.setAttribute(k, v === true ? "" : v);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined));
    return e;
}

/* A colour and a mark, as in the curves. */
function swatch(i) {
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    const line = document.createElementNS(ns, "path");
    const mark = document.createElementNS(ns, "path");
    const style = styleOf(i);
    svg.setAttribute("viewBox", "-13 -6 26 12");
    svg.setAttribute("class", "swatch c" + i % COLOURS.light.length);
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", "M-13 0H13");
    line.setAttribute("class", "line");
    line.setAttribute("stroke-dasharray", style.dash.join(" "));
    mark.setAttribute("d", style.mark);
    mark.setAttribute("class", "mark");
    svg.append(line, mark);
    return svg;
}

const isNumber = (v) => typeof v === "number" && Number.isFinite(v);

/* A number to so many significant digits, yet never fewer than it says. */
function number(v, digits = 4) {
    if (!isNumber(v))
        return "–";
    const whole = v === 0 ? 1 : Math.floor(Math.log10(Math.abs(v))) + 1;
    const decimals = Math.min(Math.max(digits - whole, 0), 6);
    return v.toFixed(decimals).replace("-", "−");
}

/* As many decimals for every value of a metric, so that columns line up. */
function metricText(metric, v) {
    if (!isNumber(v))
        return "–";
    const decimals = metric.unit === "dB" ? 2 : Math.abs(v) <= 1 ? 5 : 3;
    const text = v.toFixed(decimals).replace("-", "−");
    return metric.unit ? text + " " + metric.unit : text;
}

const metricName = (m) => m.label || m.key;
const metricHead = (m) => metricName(m) + (m.unit ? ", " + m.unit : "");
const metricTitle = (m) => metricHead(m) +
    (m.better === "lower" ? " (lower is better)" : "");
const rateUnit = () => report.rate.key === "bpp" ? "bpp" : report.rate.label;
const rateText = (v) => number(v, v < 0.1 ? 2 : 3) + " " + rateUnit();
const counted = (n, word) => n + " " + word + (n === 1 ? "" : "s");

/* "a, b and c" */
function listed(words) {
    const last = words[words.length - 1];
    return words.length < 2 ? words.join("")
        : words.slice(0, -1).join(", ") + " and " + last;
}

/* Redraw FUNCTION when the scheme changes and around printing. */
function onRepaint(f) {
    dark.addEventListener("change", f);
    addEventListener("beforeprint", f);
    addEventListener("afterprint", f);
}

function fillHeader() {
    const r = report;
    const kind = r.media === "sound" ? "sound" : "picture";
    const names = r.codecs.map((c) => c.name);
    document.title = r.title;
    $("title").textContent = r.title;
    $("summary").textContent = counted(r.n_items, kind) + " through " +
        (names.length ? counted(names.length, "codec") + ": " +
         listed(names) + "." : "no codec.");
    $("footer").textContent = "Made by " + r.generator + ".";
}

/* Cells of a BD-rate; reasons gathers why there is none. */
function bdCell(codec, metric, reasons) {
    if (codec.name === report.anchor) {
        return make("td", {class: "bd number"},
                    make("span", {class: "faint"}, "anchor"));
    }
    const bd = (codec.bd || {})[metric.key] || {why: "not computed"};
    if (!isNumber(bd.percent)) {
        const why = bd.why || "not computed";
        const where = reasons.get(why) || [];
        reasons.set(why, where);
        where.push(codec.name + " (" + metricName(metric) + ")");
        return make("td", {class: "bd number"},
                    make("abbr", {title: why}, "n/a"));
    }
    const sign = bd.percent > 0 ? "+" : bd.percent < 0 ? "−" : "";
    const better = bd.percent < 0 ? "good" : bd.percent > 0 ? "bad" : "";
    const from = "over " + metricText(metric, bd.from) + " to " +
        metricText(metric, bd.to);
    return make("td", {class: "bd number " + better, title: from},
                sign + Math.abs(bd.percent).toFixed(1) + " %");
}

function mean(points, key) {
    const v = points.map((p) => p[key]).filter(isNumber);
    return v.length ? v.reduce((a, b) => a + b, 0) / v.length : null;
}

function peak(points, key) {
    const v = points.map((p) => p[key]).filter(isNumber);
    return v.length ? Math.max(...v) : null;
}

const numberCell = (text) => make("td", {class: "number"}, text);
/* [key, in the table of codecs under GROUPS, in that of points, over points] */
const COSTS = [["encode_s", "Encode", "Encode, s", mean],
               ["decode_s", "Decode", "Decode, s", mean],
               ["encode_mib", "Encode", "Encode, MiB", peak],
               ["decode_mib", "Decode", "Decode, MiB", peak]];
const GROUPS = ["CPU time, s", "Peak memory, MiB"];

function fillCodecs() {
    const bdMetrics = report.anchor ? report.metrics : [];
    const reasons = new Map();
    const span = (n, text) => make("th", {colspan: n, scope: "colgroup"},
                                   make("span", {}, text));
    const groups = make("tr", {}, make("td", {colspan: 2}),
        bdMetrics.length ? span(bdMetrics.length, "BD-rate against " +
                                report.anchor) : null,
        ...GROUPS.map((text) => span(2, text)));
    const head = make("tr", {}, make("th", {scope: "col", class: "name"},
                                     "Codec"));
    for (const t of ["Points", ...bdMetrics.map(metricName),
                     ...COSTS.map((c) => c[1])])
        head.append(make("th", {scope: "col", class: "number"}, t));
    $("codecs").append(make("thead", {}, groups, head));
    report.codecs.forEach((codec, i) => {
        const row = make("tr", {"data-codec": codec.name},
            make("th", {scope: "row", class: "name"}, swatch(i), codec.name),
            numberCell(String(codec.points.length)));
        for (const m of bdMetrics)
            row.append(bdCell(codec, m, reasons));
        for (const [key, , , over] of COSTS)
            row.append(numberCell(number(over(codec.points, key), 3)));
        /* commands are too long for a column */
        const about = make("td", {class: "command",
                                  colspan: head.children.length},
                           make("code", {}, codec.about));
        $("codecs").append(make("tbody", {}, row, codec.about
            ? make("tr", {}, about) : null));
    });
    $("tables-note").textContent = (bdMetrics.length
        ? "BD-rate is the mean change of the rate at equal quality; below " +
          "zero, a codec needs fewer bits than " + report.anchor + ".  " : "") +
        "Times are CPU seconds, the mean over a codec's points; memory is " +
        "the largest.";
    for (const [why, where] of reasons)
        $("reasons").append(make("p", {}, "No BD-rate for " + listed(where) +
                                 ": " + why + "."));
}

function fillPoints() {
    const head = make("tr", {}, make("th", {scope: "col", class: "name"},
                                     "Codec"));
    for (const t of ["q", report.rate.label, ...report.metrics.map(metricHead),
                     ...COSTS.map((c) => c[2])])
        head.append(make("th", {scope: "col", class: "number"}, t));
    const body = make("tbody");
    report.codecs.forEach((codec, i) => {
        codec.points.forEach((p, k) => {
            body.append(make("tr", {class: k === 0 ? "first" : null},
                make("th", {scope: "row", class: "name"}, swatch(i),
                     codec.name),
                numberCell(p.q),
                numberCell(p.rate.toFixed(rateUnit() === "bpp" ? 4 : 2)),
                ...report.metrics.map((m) => numberCell(
                    metricText(m, p.metrics[m.key]).split(" ")[0])),
                ...COSTS.map(([key]) => numberCell(number(p[key], 3)))));
        });
    });
    $("points").append(make("thead", {}, head), body);
}

/* What could not be measured is part of the result. */
function fillAbsent() {
    const add = (head, lines) => {
        if (lines.length === 0)
            return;
        const list = make("ul", {}, ...lines.map((t) => make("li", {}, t)));
        $("absent").append(make("h3", {}, head));
        $("absent").append(lines.length <= 8 ? list
            : make("details", {}, make("summary", {},
                                       counted(lines.length, "failure")), list));
    };
    add("Missing codecs", (report.missing || []).map(
        (m) => m.name + ": " + m.why));
    add("Failed", (report.failed || []).map((f) => f.codec +
        (f.q ? ", q " + f.q : "") + (f.item ? ", " + f.item : "") + ": " +
        f.why));
}

function startPage() {
    report = JSON.parse($("data").textContent);
    fillHeader();
    fillCodecs();
    fillPoints();
    fillAbsent();
    let closed = [];
    addEventListener("beforeprint", () => {
        printing = true;
        closed = [...document.querySelectorAll("details:not([open])")];
        closed.forEach((d) => { d.open = true; });
    });
    addEventListener("afterprint", () => {
        printing = false;
        closed.forEach((d) => { d.open = false; });
    });
    startCurves();
    if (report.views && report.views.length > 0) {
        $("viewer").hidden = false;
        (report.media === "sound" ? startSounds : startPictures)($("view"));
    }
}
