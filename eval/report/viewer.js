/* SPDX-License-Identifier: BSD-2-Clause */
/* Two versions of a picture on one stage: a slider between them, a flip from
   one to the other, or their difference.  The parts that the sounds need too
   come first. */
"use strict";

/* Versions of a view: the original, then every coded one. */
const versionsOf = (view) => [
    {name: "Original", src: view.original, metrics: {}},
    ...view.coded.map((c) => ({...c, name: c.codec})),
];

const versionTitle = (v) => v.q === undefined ? v.name
    : v.name + ", q " + v.q + ", " + rateText(v.rate);

/* The version of another view that shows the same codec and q. */
function sameVersion(versions, old) {
    const same = versions.findIndex((v) => v.name === old.name &&
                                    v.q === old.q);
    const kin = versions.findIndex((v) => v.name === old.name);
    return same >= 0 ? same : Math.max(kin, 0);
}

function fillVersions(select, versions, chosen) {
    const groups = new Map();
    versions.forEach((v, i) => {
        const option = make("option", {value: i}, versionTitle(v));
        if (v.q === undefined) {
            groups.set(v.name, option);
            return;
        }
        if (!groups.has(v.name))
            groups.set(v.name, make("optgroup", {label: v.name}));
        groups.get(v.name).append(option);
    });
    select.replaceChildren(...groups.values());
    select.value = String(chosen);
}

function caption(version, side) {
    const list = make("dl");
    const add = (k, v) => list.append(make("dt", {}, k), make("dd", {}, v));
    if (version.q !== undefined) {
        add("q", version.q);
        add("Rate", rateText(version.rate));
    }
    for (const m of report.metrics) {
        if (isNumber((version.metrics || {})[m.key]))
            add(metricName(m), metricText(m, version.metrics[m.key]));
    }
    return make("div", {class: "caption " + side},
                make("strong", {}, version.name), list);
}

function itemPicker(onPick) {
    const select = make("select", {"data-pick": "item"});
    report.views.forEach((v, i) => select.append(
        make("option", {value: i}, v.item)));
    select.addEventListener("change", () => onPick(Number(select.value)));
    return make("label", {class: "item"}, "Item", select);
}

/* A row of buttons of which one is pressed. */
function choice(name, pairs, chosen, onPick) {
    const group = make("span", {class: "group", role: "group",
                                "aria-label": name, "data-choice": name});
    for (const [value, text] of pairs) {
        const button = make("button", {type: "button", "data-value": value},
                            text);
        button.addEventListener("click", () => {
            group.pick(value);
            onPick(value);
        });
        group.append(button);
    }
    group.pick = (value) => {
        for (const b of group.children)
            pressed(b, b.dataset.value === String(value));
    };
    group.pick(chosen);
    return group;
}

/* |a - b| times a factor, sample by sample at the pictures' own size.  (Blending
 * two scaled layers shows lines where their roundings differ.) */
function drawDifference(canvas, images, times) {
    const [a, b] = images.map((img) => {
        canvas.width = img.naturalWidth;
        canvas.height = img.naturalHeight;
        const pen = canvas.getContext("2d", {willReadFrequently: true});
        pen.drawImage(img, 0, 0);
        return pen.getImageData(0, 0, canvas.width, canvas.height);
    });
    for (let i = 0; i < a.data.length; i++)
        a.data[i] = i % 4 === 3 ? 255 : Math.abs(a.data[i] - b.data[i]) * times;
    canvas.getContext("2d").putImageData(a, 0, 0);
}

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

function startPictures(root) {
    const now = {
        view: report.views[0], versions: [], left: 0, right: 0,
        mode: "slider", split: 0.5, flipped: false, amplify: 4,
        zoom: 0,            /* 0: all of the picture */
        x: 0.5, y: 0.5,     /* the part of it in the stage's middle */
    };
    const image = () => make("img", {alt: "", draggable: "false"});
    const images = [image(), image()];
    const layers = images.map((img, i) => make(
        "div", {class: "layer " + (i ? "right" : "left")}, img));
    const canvas = make("canvas", {hidden: ""});
    const tags = ["left", "right"].map((s) => make("div", {class: "tag " + s}));
    const handle = make("div", {class: "handle", role: "slider", tabindex: 0,
                                "aria-label": "Boundary between left and right",
                                "aria-valuemin": 0, "aria-valuemax": 100});
    const stage = make("div", {class: "stage", tabindex: 0, role: "group"},
                       make("div", {class: "layers"}, ...layers, canvas),
                       ...tags,
                       handle);
    const picks = ["Left", "Right"].map((text) => make(
        "select", {"data-pick": text.toLowerCase()}));
    const note = make("p", {class: "hint note"});
    const captions = make("div", {class: "captions"});
    const flip = make("button", {type: "button", "data-act": "flip"}, "Flip");
    const live = make("p", {class: "unseen", "aria-live": "polite"});
    const frame = make("div", {class: "frame"}, stage);
    const modes = choice("Mode", [["slider", "Slider"], ["flip", "Flip"],
                                  ["difference", "Difference"]],
                         now.mode, (mode) => {
        now.mode = mode;
        draw();
        subtract();
    });
    const amplify = choice("Amplification", [[1, "×1"], [4, "×4"],
                                             [16, "×16"]], now.amplify, (v) => {
        now.amplify = v;
        draw();
        subtract();
    });
    const zooms = choice("Zoom", [[0, "Fit"], [1, "1×"], [2, "2×"], [4, "4×"],
                                  [8, "8×"]], now.zoom, setZoom);
    const shown = () => [now.versions[now.left], now.versions[now.right]];

    /* The stage takes the width there is, but never a screen's height. */
    function stageSize() {
        const v = now.view, limit = printing ? 420 : innerHeight * 0.72;
        const wide = printing ? 640 : frame.clientWidth;
        const width = Math.min(wide, Math.max(limit, 240) * v.width / v.height);
        return [width, width * v.height / v.width];
    }

    function scale(width) {
        return now.zoom || width / now.view.width;
    }

    function draw() {
        const v = now.view;
        const [width, height] = stageSize();
        const s = scale(width);
        /* the picture's own edges stop a pan */
        const halfX = width / s / v.width / 2, halfY = height / s / v.height / 2;
        now.x = halfX >= 0.5 ? 0.5 : clamp(now.x, halfX, 1 - halfX);
        now.y = halfY >= 0.5 ? 0.5 : clamp(now.y, halfY, 1 - halfY);
        const left = width / 2 - now.x * v.width * s;
        const top = height / 2 - now.y * v.height * s;
        const slides = now.mode === "slider", flips = now.mode === "flip";
        const differs = now.mode === "difference";
        const percent = Math.round(now.split * 1000) / 10;

        stage.style.width = width + "px";
        stage.style.height = height + "px";
        for (const img of [...images, canvas]) {
            img.style.width = v.width + "px";
            img.style.height = v.height + "px";
            img.style.transform = `translate(${left}px, ${top}px) scale(${s})`;
            img.classList.toggle("sharp", s >= 1);
        }
        layers[0].style.clipPath = slides
            ? `inset(0 ${100 - percent}% 0 0)` : "";
        layers[1].style.clipPath = slides ? `inset(0 0 0 ${percent}%)` : "";
        layers[0].hidden = differs || (flips && now.flipped);
        layers[1].hidden = differs || (flips && !now.flipped);
        canvas.hidden = !differs;
        stage.classList.toggle("zoomed", s * v.width > width + 1);
        tags[0].hidden = differs || (flips && now.flipped);
        tags[1].hidden = differs || (flips && !now.flipped);
        handle.hidden = !slides;
        handle.style.left = percent + "%";
        handle.setAttribute("aria-valuenow", Math.round(percent));
        handle.setAttribute("aria-valuetext", Math.round(percent) +
                            " % left");
        flip.hidden = !flips;
        amplify.hidden = !differs;
        note.textContent = [v.width + " × " + v.height, v.note,
                            "shown at " + Math.round(s * 100) + " %",
                            differs ? "the difference times " + now.amplify
                            : ""].filter(Boolean).join(", ");
        captions.children[0].classList.toggle("shown", flips && !now.flipped);
        captions.children[1].classList.toggle("shown", flips && now.flipped);
    }

    /* Needed anew where the versions, the mode or the factor change. */
    async function subtract() {
        if (now.mode !== "difference")
            return;
        try {
            await Promise.all(images.map((img) => img.decode()));
        } catch {
            return;         /* another version was picked meanwhile */
        }
        drawDifference(canvas, images, now.amplify);
    }

    function setVersions() {
        shown().forEach((version, i) => {
            images[i].src = version.src;
            tags[i].textContent = versionTitle(version);
        });
        captions.replaceChildren(...shown().map(
            (v, i) => caption(v, i ? "right" : "left")));
        stage.setAttribute("aria-label", now.view.item + ": left " +
                           versionTitle(shown()[0]) + ", right " +
                           versionTitle(shown()[1]));
        draw();
        subtract();
    }

    function setView(index) {
        const before = now.versions.length ? shown() : null;
        now.view = report.views[index];
        now.versions = versionsOf(now.view);
        now.left = before ? sameVersion(now.versions, before[0]) : 0;
        now.right = before ? sameVersion(now.versions, before[1])
            : Math.min(1, now.versions.length - 1);
        fillVersions(picks[0], now.versions, now.left);
        fillVersions(picks[1], now.versions, now.right);
        setVersions();
    }

    function setZoom(zoom) {
        now.zoom = Number(zoom);
        zooms.pick(now.zoom);
        draw();
    }

    function stepZoom(by) {
        const steps = [0, 1, 2, 4, 8];
        setZoom(steps[clamp(steps.indexOf(now.zoom) + by, 0, 4)]);
    }

    function setFlipped() {
        now.flipped = !now.flipped;
        live.textContent = versionTitle(shown()[now.flipped ? 1 : 0]);
        draw();
    }

    /* A drag moves the boundary, or the picture where it is larger. */
    function listenToDrag() {
        let drag = null;
        const move = (event) => {
            if (!drag || event.pointerId !== drag.id)
                return;
            const box = stage.getBoundingClientRect();
            if (drag.pans) {
                const s = scale(box.width);
                now.x -= (event.clientX - drag.x) / s / now.view.width;
                now.y -= (event.clientY - drag.y) / s / now.view.height;
                drag.x = event.clientX;
                drag.y = event.clientY;
            } else {
                now.split = clamp((event.clientX - box.left) / box.width, 0, 1);
            }
            draw();
        };
        stage.addEventListener("pointerdown", (event) => {
            if (event.button !== 0)
                return;
            const onHandle = handle.contains(event.target);
            const zoomed = stage.classList.contains("zoomed");
            if (!onHandle && !zoomed && now.mode !== "slider")
                return;
            drag = {id: event.pointerId, x: event.clientX, y: event.clientY,
                    pans: !onHandle && zoomed};
            stage.setPointerCapture(event.pointerId);
            (now.mode === "slider" && !drag.pans ? handle : stage).focus(
                {preventScroll: true, focusVisible: false});
            event.preventDefault();
            move(event);
        });
        stage.addEventListener("pointermove", move);
        for (const end of ["pointerup", "pointercancel"])
            stage.addEventListener(end, () => { drag = null; });
    }

    function onKey(event) {
        const step = event.shiftKey ? 0.1 : 0.02;
        const ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0],
                      ArrowUp: [0, -1], ArrowDown: [0, 1]};
        const way = ways[event.key];
        const [width, height] = stageSize();
        const s = scale(width);
        if (event.ctrlKey || event.altKey || event.metaKey) {
            return;
        } else if (event.key === " ") {
            if (now.mode !== "flip") {
                now.mode = "flip";
                modes.pick("flip");
                stage.focus({preventScroll: true});
            }
            setFlipped();
        } else if (event.key === "+" || event.key === "=") {
            stepZoom(1);
        } else if (event.key === "-") {
            stepZoom(-1);
        } else if (event.target === handle && (way || event.key === "Home" ||
                                               event.key === "End")) {
            now.split = event.key === "Home" ? 0 : event.key === "End" ? 1
                : clamp(now.split + (way[0] - way[1]) * step, 0, 1);
            draw();
        } else if (way && stage.classList.contains("zoomed")) {
            now.x += way[0] * width / s / now.view.width / 8;
            now.y += way[1] * height / s / now.view.height / 8;
            draw();
        } else {
            return;
        }
        event.preventDefault();
    }

    picks.forEach((select, i) => select.addEventListener("change", () => {
        now[i ? "right" : "left"] = Number(select.value);
        setVersions();
    }));
    flip.addEventListener("click", setFlipped);
    stage.addEventListener("keydown", onKey);
    listenToDrag();
    root.append(
        make("div", {class: "picks controls"}, itemPicker(setView),
             make("label", {}, "Left", picks[0]),
             make("label", {}, "Right", picks[1])),
        make("div", {class: "bar controls"}, modes, flip, amplify, zooms),
        frame, captions, note,
        make("p", {class: "hint controls"}, "Drag the boundary, or use the " +
             "arrow keys on it.  On the picture, space flips between left " +
             "and right, + and − zoom; where it is enlarged, drag it or use " +
             "the arrow keys."),
        live);
    setView(0);
    new ResizeObserver(() => printing || draw()).observe(frame);
    onRepaint(draw);
}
