/* SPDX-License-Identifier: BSD-2-Clause */
/* Two versions of a sound: a player each, of which one plays at a time and
   from the same place, with their waveforms and spectrograms. */
"use strict";

const FFT_SIZE = 1024;
const FLOOR_DB = -100;      /* what the spectrogram shows as nothing */

/* In place, radix 2; re and im have a power of two of values. */
function fft(re, im) {
    const n = re.length;
    for (let i = 1, j = 0; i < n; i++) {
        let bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            [re[i], re[j]] = [re[j], re[i]];
            [im[i], im[j]] = [im[j], im[i]];
        }
    }
    for (let size = 2; size <= n; size <<= 1) {
        const half = size >> 1;
        for (let k = 0; k < half; k++) {
            const c = Math.cos(-2 * Math.PI * k / size);
            const s = Math.sin(-2 * Math.PI * k / size);
            for (let a = k; a < n; a += size) {
                const b = a + half;
                const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
        }
    }
}

/* From dark to light through violet and orange, as in "inferno". */
const HEAT = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99],
              [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];

function heat(v) {
    const at = clamp(v, 0, 1) * (HEAT.length - 1);
    const i = Math.min(Math.floor(at), HEAT.length - 2);
    return HEAT[i].map((a, k) => a + (HEAT[i + 1][k] - a) * (at - i));
}

function bytesOf(uri) {
    const text = atob(uri.slice(uri.indexOf(",") + 1));
    return Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer;
}

const decoded = new Map();

/* The samples of a data URI, its channels' mean, decoded once. */
function samplesOf(src, rate) {
    if (!decoded.has(src)) {
        const context = new OfflineAudioContext(1, 1, rate);
        decoded.set(src, context.decodeAudioData(bytesOf(src)).then((b) => {
            const mix = new Float32Array(b.length);
            for (let c = 0; c < b.numberOfChannels; c++) {
                const from = b.getChannelData(c);
                for (let i = 0; i < mix.length; i++)
                    mix[i] += from[i] / b.numberOfChannels;
            }
            return mix;
        }));
    }
    return decoded.get(src);
}

function sizeCanvas(canvas, height) {
    const width = canvas.parentNode.clientWidth;
    canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
    canvas.height = Math.round(height * devicePixelRatio);
    canvas.style.height = height + "px";
    return canvas.getContext("2d");
}

function drawWaveform(canvas, samples, colour) {
    const ctx = sizeCanvas(canvas, 72);
    const {width, height} = canvas;
    ctx.fillStyle = colour;
    for (let x = 0; x < width; x++) {
        const from = Math.floor(x * samples.length / width);
        const to = Math.max(from + 1,
                            Math.floor((x + 1) * samples.length / width));
        let low = 1, high = -1;
        for (let i = from; i < to && i < samples.length; i++) {
            low = Math.min(low, samples[i]);
            high = Math.max(high, samples[i]);
        }
        if (high >= low) {
            const top = (1 - high) / 2 * height;
            ctx.fillRect(x, top, 1, Math.max((high - low) / 2 * height, 1));
        }
    }
}

/* One column of the picture per window, as many as the canvas has pixels. */
function spectrogram(samples, columns) {
    const bins = FFT_SIZE / 2;
    const out = new ImageData(columns, bins);
    const re = new Float32Array(FFT_SIZE), im = new Float32Array(FFT_SIZE);
    const hann = re.map((v, i) =>
        0.5 - 0.5 * Math.cos(2 * Math.PI * i / FFT_SIZE));
    for (let x = 0; x < columns; x++) {
        const middle = (x + 0.5) * samples.length / columns;
        const from = Math.round(middle - FFT_SIZE / 2);
        for (let i = 0; i < FFT_SIZE; i++)
            re[i] = (samples[from + i] || 0) * hann[i];
        im.fill(0);
        fft(re, im);
        for (let k = 0; k < bins; k++) {
            /* a full-scale sine gives FFT_SIZE / 4 */
            const size = Math.hypot(re[k], im[k]) / (FFT_SIZE / 4);
            const db = 20 * Math.log10(size + 1e-9);
            const at = ((bins - 1 - k) * columns + x) * 4;
            const rgb = heat(1 - db / FLOOR_DB);
            out.data.set([...rgb, 255], at);
        }
    }
    return out;
}

function drawSpectrogram(canvas, samples, rate) {
    const ctx = sizeCanvas(canvas, 176);
    const picture = spectrogram(samples, Math.min(canvas.width, 700));
    const whole = make("canvas", {width: picture.width,
                                  height: picture.height});
    whole.getContext("2d").putImageData(picture, 0, 0);
    ctx.drawImage(whole, 0, 0, canvas.width, canvas.height);
    const size = devicePixelRatio;
    const step = [1, 2, 4, 5, 8, 10].find((k) => rate / 2000 / k <= 5) || 20;
    ctx.font = 11 * size + "px system-ui, sans-serif";
    ctx.fillStyle = "#fff";
    ctx.shadowColor = "#000";
    ctx.shadowBlur = 3 * size;
    for (let k = step; k * 2000 < rate * 0.98; k += step) {
        const y = canvas.height * (1 - k * 2000 / rate);
        ctx.fillRect(0, y, 6 * size, size);
        ctx.fillText(k + " kHz", 9 * size, y + 4 * size);
    }
}

function startSounds(root) {
    const now = {view: report.views[0], versions: [], at: 0, drawing: 0};
    const sides = ["A", "B"].map((letter) => {
        const audio = make("audio", {controls: true, preload: "auto",
                                     "aria-label": "Version " + letter});
        const select = make("select", {"data-pick": letter.toLowerCase()});
        const waveform = make("canvas", {class: "waveform"});
        const heatmap = make("canvas", {class: "spectrogram"});
        const playhead = make("div", {class: "playhead"});
        const graph = make("div", {class: "graph", role: "slider", tabindex: 0,
                                   "aria-label": "Position in " + letter,
                                   "aria-valuemin": 0},
                           waveform, heatmap, playhead);
        const why = make("p", {class: "hint", hidden: true});
        const text = make("div");
        const box = make("div", {class: "side"},
                         make("label", {class: "controls"}, "Version " + letter,
                              select),
                         audio, graph, why, text);
        return {letter, audio, select, waveform, heatmap, playhead, graph,
                why, text, box, chosen: 0};
    });
    const note = make("p", {class: "hint note"});
    const swap = make("button", {type: "button", "data-act": "switch"},
                      "Switch A/B");
    const loop = make("button", {type: "button", "aria-pressed": "false",
                                 "data-act": "loop"}, "Repeat");
    const live = make("p", {class: "unseen", "aria-live": "polite"});
    let active = sides[0];
    const other = (side) => sides[side === sides[0] ? 1 : 0];
    const length = (side) => side.audio.duration || now.view.seconds || 1;

    function place(side) {
        const t = side.audio.currentTime;
        side.playhead.style.left = clamp(t / length(side), 0, 1) * 100 + "%";
        side.graph.setAttribute("aria-valuemax", length(side).toFixed(2));
        side.graph.setAttribute("aria-valuenow", t.toFixed(2));
        side.graph.setAttribute("aria-valuetext", t.toFixed(2) + " seconds");
    }

    /* Both stand at the same time, whichever of them plays. */
    function seek(t) {
        for (const side of sides) {
            side.audio.currentTime = clamp(t, 0, length(side));
            place(side);
        }
    }

    function follow() {
        sides.forEach(place);
        if (sides.some((s) => !s.audio.paused))
            requestAnimationFrame(follow);
    }

    function activate(side) {
        active = side;
        for (const s of sides)
            s.text.firstChild.classList.toggle("shown", s === side);
    }

    function switchSides() {
        const from = active, to = other(active);
        const plays = !from.audio.paused;
        to.audio.currentTime = Math.min(from.audio.currentTime, length(to));
        from.audio.pause();
        activate(to);
        live.textContent = "Version " + to.letter + ": " +
            versionTitle(now.versions[to.chosen]);
        if (plays)
            to.audio.play().catch(() => {});
        follow();
    }

    async function drawSide(side) {
        const version = now.versions[side.chosen];
        const turn = now.drawing;
        const css = getComputedStyle(side.box);
        try {
            const samples = await samplesOf(version.src, now.view.rate_hz);
            if (turn !== now.drawing)
                return;
            const colour = printing ? "#1b1f24" : css.getPropertyValue("--ink");
            drawWaveform(side.waveform, samples, colour);
            drawSpectrogram(side.heatmap, samples, now.view.rate_hz);
            side.why.hidden = true;
        } catch (error) {
            side.why.textContent = "This browser cannot decode the sound: " +
                error.message;
            side.why.hidden = false;
        }
        side.graph.dataset.drawn = version.name + " " + (version.q ?? "");
    }

    function drawAll() {
        now.drawing++;
        return Promise.all(sides.map(drawSide));
    }

    function setVersion(side) {
        const version = now.versions[side.chosen];
        const t = side.audio.currentTime, plays = !side.audio.paused;
        if (side.audio.getAttribute("src") !== version.src) {
            side.audio.src = version.src;
            side.audio.currentTime = t;
            if (plays)
                side.audio.play().catch(() => {});
        }
        side.text.replaceChildren(caption(version, side.letter));
        activate(active);
        drawSide(side);
    }

    function setView(index) {
        const before = now.versions.length
            ? sides.map((s) => now.versions[s.chosen]) : null;
        now.view = report.views[index];
        now.versions = versionsOf(now.view);
        now.drawing++;
        decoded.clear();
        note.textContent = [number(now.view.seconds, 3) + " s",
                            now.view.rate_hz / 1000 + " kHz",
                            counted(now.view.channels, "channel"),
                            now.view.note].filter(Boolean).join(", ");
        sides.forEach((side, i) => {
            side.audio.pause();
            side.audio.currentTime = 0;
            side.chosen = before ? sameVersion(now.versions, before[i])
                : Math.min(i, now.versions.length - 1);
            fillVersions(side.select, now.versions, side.chosen);
            setVersion(side);
            place(side);
        });
    }

    function listenTo(side) {
        const audio = side.audio, graph = side.graph;
        side.select.addEventListener("change", () => {
            side.chosen = Number(side.select.value);
            setVersion(side);
        });
        audio.addEventListener("play", () => {
            const rest = other(side).audio;
            if (!rest.paused) {
                audio.currentTime = rest.currentTime;
                rest.pause();
            }
            activate(side);
            follow();
        });
        for (const event of ["pause", "seeked", "durationchange", "ended"])
            audio.addEventListener(event, () => place(side));
        const seekTo = (event) => {
            const box = graph.getBoundingClientRect();
            seek((event.clientX - box.left) / box.width * length(side));
        };
        graph.addEventListener("pointerdown", (event) => {
            if (event.button === 0) {
                graph.setPointerCapture(event.pointerId);
                seekTo(event);
            }
        });
        graph.addEventListener("pointermove", (event) => {
            if (graph.hasPointerCapture(event.pointerId))
                seekTo(event);
        });
        graph.addEventListener("keydown", (event) => {
            const step = event.shiftKey ? 1 : 0.1;
            const t = audio.currentTime;
            const to = {ArrowLeft: t - step, ArrowDown: t - step,
                        ArrowRight: t + step, ArrowUp: t + step,
                        Home: 0, End: length(side)}[event.key];
            if (event.key === " ")
                switchSides();
            else if (to !== undefined)
                seek(to);
            else
                return;
            event.preventDefault();
        });
    }

    sides.forEach(listenTo);
    swap.addEventListener("click", switchSides);
    loop.addEventListener("click", () => {
        const on = loop.getAttribute("aria-pressed") !== "true";
        pressed(loop, on);
        sides.forEach((s) => { s.audio.loop = on; });
    });
    root.append(
        make("div", {class: "picks controls"}, itemPicker(setView)),
        make("div", {class: "bar controls"}, swap, loop),
        make("div", {class: "sides"}, ...sides.map((s) => s.box)), note,
        make("p", {class: "hint controls"}, "Switching keeps the place in " +
             "the sound.  On a waveform, a click or the arrow keys move to " +
             "another place and space switches."),
        live);
    sides[0].text.append(make("div"));
    sides[1].text.append(make("div"));
    setView(0);
    let width = 0;
    new ResizeObserver(() => {
        if (!printing && width !== root.clientWidth) {
            width = root.clientWidth;
            drawAll();
        }
    }).observe(root);
    onRepaint(drawAll);
}
