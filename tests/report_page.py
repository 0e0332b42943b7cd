#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page that neval writes, in a real browser.

    report_page.py REPORT.html [--screenshots DIR]
    report_page.py sample DIR

Opens a report in a headless Chromium, through chromedriver, and tries what a
reader can do with it.  Prints "ok NAME", "not ok NAME" and "skip NAME: WHY"
lines; the status is 0, 1 or, where there is no browser, 77.  `sample` writes
DIR/picture.html and DIR/sound.html, two pages of made-up data.
"""
import base64
import json
import math
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "eval", "report")
DESKTOP, PHONE = (1280, 900), (390, 844)
KEYS = {"left": "\ue012", "up": "\ue013", "right": "\ue014", "down": "\ue015",
        "home": "\ue011", "end": "\ue010", "enter": "\ue007", "space": " "}
failed = 0


def verdict(name, good, why=""):
    global failed
    if not good:
        failed = 1
    print(("ok " if good else "not ok ") + name +
          (": %s" % (why,) if not good and why != "" else ""), flush=True)
    return good


def skip(name, why):
    print("skip %s: %s" % (name, why), flush=True)


# ------------------------------------------------------------------ a browser
class Browser:
    """What of the WebDriver protocol the tests need."""

    def __init__(self, folder):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.base = "http://127.0.0.1:%d" % port
        self.http = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))
        self.driver = subprocess.Popen(
            [shutil.which("chromedriver"), "--port=%d" % port],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None
        try:
            self.start(folder)
        except BaseException:
            self.close()
            raise

    def start(self, folder):
        for _ in range(300):
            try:
                if self.call("GET", "/status")["ready"]:
                    break
            except OSError:
                time.sleep(0.1)
        options = {"binary": shutil.which("chromium"), "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--mute-audio",
            "--user-data-dir=" + os.path.join(folder, "profile")]}
        answer = self.call("POST", "/session", {"capabilities": {
            "alwaysMatch": {"browserName": "chrome",
                            "goog:chromeOptions": options,
                            "goog:loggingPrefs": {"browser": "ALL",
                                                  "performance": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def close(self):
        try:
            if self.session:
                self.call("DELETE", self.session)
        except OSError:
            pass
        self.driver.terminate()
        self.driver.wait()

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"},
            method=method)
        try:
            with self.http.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError("%s %s: %s" % (
                method, path, value.get("message", "")[:400])) from None

    def post(self, path, **body):
        return self.call("POST", self.session + path, body)

    def cdp(self, name, **parameters):
        return self.post("/goog/cdp/execute", cmd=name, params=parameters)

    def js(self, script, *arguments):
        return self.post("/execute/sync", script=script, args=list(arguments))

    def log(self, kind):
        return self.post("/se/log", type=kind)

    def wait(self, script, *arguments):
        """True once the script says so; False after ten seconds."""
        for _ in range(100):
            if self.js(script, *arguments):
                return True
            time.sleep(0.1)
        return False

    def find(self, selector):
        value = self.post("/element", using="css selector", value=selector)
        return next(iter(value.values()))

    def show(self, selector):
        self.js("document.querySelector(arguments[0])"
                ".scrollIntoView({block: 'center'})", selector)

    def click(self, selector):
        self.show(selector)
        self.post("/element/%s/click" % self.find(selector))

    def focus(self, selector):
        self.js("document.querySelector(arguments[0]).focus()", selector)

    def press(self, *names):
        steps = []
        for name in names:
            key = KEYS.get(name, name)
            steps += [{"type": "keyDown", "value": key},
                      {"type": "keyUp", "value": key}]
        self.post("/actions", actions=[{"type": "key", "id": "keys",
                                        "actions": steps}])

    def mouse(self, *places, down=False, kind="mouse"):
        """Moves over the places, (x, y) in the window; down: as a drag."""
        steps = [{"type": "pointerMove", "duration": 60, "x": round(x),
                  "y": round(y)} for x, y in places]
        if down:
            steps.insert(1, {"type": "pointerDown", "button": 0})
            steps.append({"type": "pointerUp", "button": 0})
        self.post("/actions", actions=[
            {"type": "pointer", "id": kind,
             "parameters": {"pointerType": kind}, "actions": steps}])

    def box(self, selector):
        return self.js("const b = document.querySelector(arguments[0])"
                       ".getBoundingClientRect();"
                       "return [b.left, b.top, b.width, b.height]", selector)

    def screen(self, size, scheme, media=""):
        self.cdp("Emulation.setDeviceMetricsOverride", width=size[0],
                 height=size[1], deviceScaleFactor=1, mobile=size == PHONE)
        self.cdp("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path, whole=True):
        shot = self.cdp("Page.captureScreenshot", format="png",
                        captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def pixels(self, selector, places):
        """Colours on the screen, at places given as parts of an element."""
        self.show(selector)
        left, top, width, height = self.box(selector)
        shot = self.cdp("Page.captureScreenshot", format="png")
        return self.post("/execute/async", script="""
            const [uri, places, done] = arguments;
            const image = new Image();
            image.onload = () => {
                const c = document.createElement("canvas");
                [c.width, c.height] = [image.width, image.height];
                const x = c.getContext("2d", {willReadFrequently: true});
                x.drawImage(image, 0, 0);
                done(places.map(([a, b]) =>
                    [...x.getImageData(a, b, 1, 1).data].slice(0, 3)));
            };
            image.src = uri;""", args=[
                "data:image/png;base64," + shot["data"],
                [[round(left + x * width), round(top + y * height)]
                 for x, y in places]])


# ------------------------------------------------------------------- the tests
# How many pixels of the chart have each codec's colour.
COLOUR_COUNTS = """
    const chart = document.querySelector("#chart canvas");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [chart.width, chart.height];
    const copy = canvas.getContext("2d", {willReadFrequently: true});
    copy.drawImage(chart, 0, 0);
    const d = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    return [...document.querySelectorAll("#legend button")].map((b) => {
        const [r, g, bl] = getComputedStyle(b.querySelector(".swatch")).color
            .match(/[0-9.]+/g).map(Number);
        let n = 0;
        for (let i = 0; i < d.length; i += 4)
            n += d[i + 3] > 250 && Math.abs(d[i] - r) <= 2 &&
                Math.abs(d[i + 1] - g) <= 2 && Math.abs(d[i + 2] - bl) <= 2;
        return n;
    });"""

# Where the points of a codec are in the window.
POINT_PLACES = """
    const b = document.querySelector("#chart .u-over").getBoundingClientRect();
    return curves.lines[arguments[0]].map((p) => [
        b.left + curves.plot.valToPos(p.x, "x"),
        b.top + curves.plot.valToPos(p.y, "y")]);"""

OVERFLOW = "return document.scrollingElement.scrollWidth"


def nth(i):
    return "#legend button:nth-of-type(%d)" % (i + 1)


def settle(browser):
    """After a change of the screen: the chart drawn, scripts idle."""
    browser.post("/execute/async", script="""
        const done = arguments[0];
        requestAnimationFrame(() => requestAnimationFrame(
            () => setTimeout(done, 50)));""", args=[])


def colours_drawn(browser, data):
    """True if every codec with values of the shown metric has its colour."""
    metric = browser.js("return curves.metric.key")
    counts = browser.js(COLOUR_COUNTS)
    wanted = [any(p["metrics"].get(metric) is not None for p in c["points"])
              for c in data["codecs"]]
    return all(n >= 5 for n, w in zip(counts, wanted) if w), counts


def test_curves(browser, data):
    good, counts = colours_drawn(browser, data)
    verdict("every codec's curve is drawn", good, counts)

    # past eight codecs colours repeat: try one whose colour no other has
    colours = browser.js("return [...document.querySelectorAll("
                         "'#legend .swatch')]"
                         ".map((s) => getComputedStyle(s).color)")
    i = max((i for i, c in enumerate(colours) if colours.count(c) == 1),
            key=lambda i: counts[i])
    browser.click(nth(i))
    after = browser.js(COLOUR_COUNTS)
    verdict("a click takes a curve away",
            after[i] < counts[i] / 10 and
            browser.js("return document.querySelector(arguments[0])"
                       ".getAttribute('aria-pressed')", nth(i)) == "false",
            after)
    browser.focus(nth(i))
    browser.press("enter")
    back = browser.js(COLOUR_COUNTS)
    verdict("the keyboard brings it back", back[i] >= counts[i] / 2, back)
    browser.press("space")
    after = browser.js(COLOUR_COUNTS)
    verdict("the keyboard takes it away", after[i] < counts[i] / 10, after)
    browser.press("space")

    before = browser.js("return curves.plot.scales.x.distr")
    browser.click("#log")
    verdict("the rate's axis becomes logarithmic",
            before == 1 and
            browser.js("return curves.plot.scales.x.distr") == 3)
    good, counts = colours_drawn(browser, data)
    verdict("curves are drawn on the logarithmic axis", good, counts)
    browser.click("#log")

    test_metrics(browser, data)
    test_tip(browser)

    left, top, width, height = browser.box("#chart .u-over")
    browser.mouse((left + width * 0.1, top + height * 0.1),
                  (left + width * 0.5, top + height * 0.4),
                  (left + width * 0.8, top + height * 0.9), down=True)
    narrow = browser.js("return curves.plot.scales.x.min > 0 && "
                        "!document.getElementById('whole').hidden")
    scales = "return [curves.plot.scales.x.min, curves.plot.scales.y.max]"
    enlarged = browser.js(scales)
    browser.click(nth(0))
    verdict("what is enlarged stays so without a codec",
            browser.js(scales) == enlarged, [enlarged, browser.js(scales)])
    browser.click(nth(0))
    browser.click("#whole")
    verdict("a drag enlarges, a button shows the whole range",
            narrow and browser.js("return curves.plot.scales.x.min") == 0)


def test_metrics(browser, data):
    labels = []
    for m in data["metrics"]:
        browser.js("const s = document.getElementById('metric');"
                   "s.value = arguments[0];"
                   "s.dispatchEvent(new Event('change'))", m["key"])
        labels.append(browser.js("return curves.plot.axes[1].label"))
    verdict("the metric's picker changes the axis",
            len(set(labels)) == len(labels) and
            all(m["label"] in t for m, t in zip(data["metrics"], labels)),
            labels)
    like = [m for m in data["metrics"] if m["key"] in ("ssim", "ms_ssim")]
    if like:
        browser.js("const s = document.getElementById('metric');"
                   "s.value = arguments[0];"
                   "s.dispatchEvent(new Event('change'))", like[-1]["key"])
        browser.click("#decibel")
        label = browser.js("return curves.plot.axes[1].label")
        verdict("SSIM in decibels", label.endswith(", dB"), label)
        browser.click("#decibel")
    else:
        skip("SSIM in decibels", "no such metric here")
    browser.js("const s = document.getElementById('metric');"
               "s.selectedIndex = 0;"
               "s.dispatchEvent(new Event('change'))")


def test_tip(browser):
    browser.show("#chart")
    lines = browser.js("return curves.lines.map((l) => l.length)")
    codec = next(i for i, n in enumerate(lines) if n)
    name = browser.js("return report.codecs[arguments[0]].name", codec)
    x, y = browser.js(POINT_PLACES, codec)[lines[codec] // 2]
    browser.mouse((x + 30, y + 30), (x + 1, y + 1))
    tip = browser.js("const t = document.getElementById('tip');"
                     "return t.hidden ? '' : t.innerText")
    verdict("the pointer finds a point", name in tip and "q " in tip, tip)
    browser.mouse((2, 2))
    browser.focus("#chart")
    browser.press("right", "right")
    first = browser.js("return document.getElementById('chart-live')"
                       ".textContent")
    browser.press("right", "down")
    second = browser.js("return document.getElementById('chart-live')"
                        ".textContent")
    verdict("the keyboard steps through points, aloud",
            first.startswith(name) and second not in ("", first),
            [first, second])


def test_tables(browser, data):
    rows = browser.js("return [...document.querySelectorAll("
                      "'#codecs tr[data-codec]')].map((r) => r.dataset.codec)")
    verdict("the table has a row per codec",
            rows == [c["name"] for c in data["codecs"]], rows)
    cells = browser.js("return [...document.querySelectorAll('#codecs tbody"
                       " td.bd')].map((c) => [c.textContent, (c.querySelector("
                       "'abbr') || c).title])")
    wanted = len(data["codecs"]) * len(data["metrics"])
    bad = [c for c in cells if "%" not in c[0] and c[0] != "anchor" and
           not (c[0] == "n/a" and c[1])]
    verdict("BD-rates, or why there is none",
            len(cells) == wanted and not bad if data.get("anchor")
            else not cells, bad or len(cells))
    points = browser.js("return document.querySelectorAll("
                        "'#points tbody tr').length")
    verdict("the table of all points",
            points == sum(len(c["points"]) for c in data["codecs"]), points)
    text = browser.js("return document.getElementById('absent').textContent")
    verdict("missing and failed codecs are told",
            all(m["why"] in text for m in data.get("missing") or []) and
            all(f["why"] in text for f in data.get("failed") or []), text)


def test_pictures(browser, data):
    views = data["views"]
    loaded = browser.wait("return [...document.querySelectorAll('.stage img')]"
                          ".every((i) => i.complete && i.naturalWidth > 0)")
    verdict("the viewer's pictures are there", loaded)
    value = ("return Number(document.querySelector('.handle')"
             ".getAttribute('aria-valuenow'))")
    clip = ("return document.querySelector('.layer.right').style.clipPath")
    browser.show(".stage")
    left, top, width, height = browser.box(".stage")
    before = browser.js(clip)
    browser.mouse((left + width / 2, top + height / 2),
                  (left + width * 0.4, top + height / 2),
                  (left + width * 0.25, top + height / 2), down=True)
    dragged = browser.js(value)
    verdict("a drag moves the boundary",
            abs(dragged - 25) <= 2 and browser.js(clip) != before, dragged)
    browser.focus(".handle")
    before = browser.js(clip)
    browser.press("right", "right", "right")
    after = browser.js(value)
    verdict("arrow keys move the boundary",
            after > dragged and browser.js(clip) != before, after)
    browser.press("end")
    ends = [browser.js(value)]
    browser.press("home")
    ends.append(browser.js(value))
    verdict("home and end move it all the way", ends == [100, 0], ends)

    # a boundary that moved shows another version where it passed
    places = [((i % 8 + 0.5) / 8, (i // 8 + 0.5) / 8) for i in range(64)]
    browser.js("document.querySelector('[data-choice=Zoom] "
               "[data-value=\"0\"]').click()")
    browser.js("document.activeElement.blur()")
    right = browser.pixels(".stage", places)
    browser.focus(".handle")
    browser.press("end")
    browser.js("document.activeElement.blur()")
    original = browser.pixels(".stage", places)
    changed = sum(a != b for a, b in zip(original, right))
    verdict("both versions are seen", changed > 4, changed)

    browser.click("[data-choice=Mode] [data-value=flip]")
    shown = "return [...document.querySelectorAll('.layer')]" \
            ".map((l) => !l.hidden)"
    seen = [browser.js(shown)]
    browser.click("[data-act=flip]")
    seen.append(browser.js(shown))
    browser.focus(".stage")
    browser.press("space")
    seen.append(browser.js(shown))
    verdict("flip", seen == [[True, False], [False, True], [True, False]],
            seen)

    test_zoom(browser)
    browser.click("[data-choice=Mode] [data-value=difference]")
    sums = []
    for amplify in "1", "16":
        browser.click("[data-choice=Amplification] [data-value='%s']" %
                      amplify)
        time.sleep(0.3)     # it is computed once the pictures are decoded
        sums.append(sum(map(sum, browser.pixels(".stage", places))))
    expected = sum(abs(a - b) for p, q in zip(original, right)
                   for a, b in zip(p, q))
    verdict("the difference, and it amplified",
            sums[1] > 2 * sums[0] and
            abs(sums[0] - expected) <= 64 * 3 * 2 + expected * 0.2,
            sums + [expected])
    browser.js("const s = document.querySelector('[data-pick=right]');"
               "s.value = '0'; s.dispatchEvent(new Event('change'))")
    for _ in range(20):     # the picture may still be decoded
        same = sum(map(sum, browser.pixels(".stage", places)))
        if same == 0:
            break
        time.sleep(0.1)
    verdict("no difference from itself", same == 0, same)
    browser.click("[data-choice=Mode] [data-value=slider]")

    options = browser.js("return document.querySelectorAll("
                         "'[data-pick=right] option').length")
    verdict("every version can be picked",
            options == 1 + len(views[0]["coded"]), options)
    browser.js("const s = document.querySelector('[data-pick=right]');"
               "s.selectedIndex = s.options.length - 1;"
               "s.dispatchEvent(new Event('change'))")
    names = browser.js("return [...document.querySelectorAll("
                       "'.caption strong')].map((e) => e.textContent)")
    verdict("captions name both sides",
            names == ["Original", views[0]["coded"][-1]["codec"]], names)
    browser.focus(".handle")
    browser.press("home", *["right"] * 25)
    if len(views) > 1:
        browser.js("const s = document.querySelector('[data-pick=item]');"
                   "s.value = '1'; s.dispatchEvent(new Event('change'))")
        verdict("another picture", views[1]["item"] in browser.js(
            "return document.querySelector('.stage')"
            ".getAttribute('aria-label')"))
    browser.wait("return [...document.querySelectorAll('.stage img')]"
                 ".every((i) => i.complete && i.naturalWidth > 0)")


def test_zoom(browser):
    place = ("return document.querySelector('.layer img').style.transform + "
             "getComputedStyle(document.querySelector('.layer img'))"
             ".imageRendering")
    browser.click("[data-choice=Zoom] [data-value='8']")
    zoomed = browser.js(place)
    verdict("zoom", "scale(8)" in zoomed and "pixelated" in zoomed, zoomed)
    browser.show(".stage")
    left, top, width, height = browser.box(".stage")
    browser.mouse((left + width / 2, top + height / 2),
                  (left + width / 3, top + height / 3), down=True)
    panned = browser.js(place)
    browser.focus(".stage")
    browser.press("right")
    verdict("a zoomed picture is panned, by drag and by keys",
            zoomed != panned and browser.js(place) != panned, panned)
    browser.click("[data-choice=Zoom] [data-value='0']")


def test_sounds(browser, data):
    drawn = browser.wait("return [...document.querySelectorAll('.graph')]"
                         ".every((g) => g.dataset.drawn)")
    canvas = """
        const c = document.querySelectorAll(arguments[0])[arguments[1]];
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        const seen = new Set();
        for (let i = 0; i < d.length; i += 4)
            seen.add(d[i] << 24 | d[i + 1] << 16 | d[i + 2] << 8 | d[i + 3]);
        return seen.size;"""
    shades = [browser.js(canvas, s, i) for i in (0, 1)
              for s in (".waveform", ".spectrogram")]
    verdict("waveforms and spectrograms are drawn",
            drawn and min(shades[::2]) > 1 and min(shades[1::2]) > 20, shades)
    ready = browser.wait("return [...document.querySelectorAll('audio')]"
                         ".every((a) => a.duration > 0)")
    verdict("the players have their sounds", ready)
    times = "return [...document.querySelectorAll('audio')]" \
            ".map((a) => a.currentTime)"
    browser.show(".graph")
    left, top, width, height = browser.box(".graph")
    browser.mouse((left + width * 0.4, top + 30),
                  (left + width * 0.5, top + 30), down=True)
    middle = data["views"][0]["seconds"] / 2
    at = browser.js(times)
    verdict("a click moves both sounds",
            all(abs(t - middle) < 0.1 for t in at), at)
    head = "return document.querySelector('.playhead').style.left"
    before = browser.js(head)
    browser.focus(".graph")
    browser.press("right")
    later = browser.js(times)
    verdict("arrow keys move the playhead",
            later[0] > at[0] and browser.js(head) != before, later)
    playing = "return [...document.querySelectorAll('audio')]" \
              ".map((a) => !a.paused)"
    browser.press("home")
    browser.js("document.querySelector('audio').play()")
    browser.wait(times.replace("return", "return Math.max(...") + ") > 0.2")
    browser.click("[data-act=switch]")
    browser.wait(playing.replace("return", "return (") + ")[1]")
    now, states = browser.js(times), browser.js(playing)
    verdict("switching goes on from the same place",
            states == [False, True] and abs(now[0] - now[1]) < 0.5 and
            now[1] >= 0.2, [states, now])
    browser.js("document.querySelectorAll('audio').forEach((a) => a.pause())")
    browser.js("const s = document.querySelector('[data-pick=b]');"
               "s.selectedIndex = s.options.length - 1;"
               "s.dispatchEvent(new Event('change'))")
    last = data["views"][0]["coded"][-1]
    names = browser.js("return [...document.querySelectorAll("
                       "'.caption strong')].map((e) => e.textContent)")
    verdict("another version can be picked",
            names[1] == last["codec"] and browser.wait(
                "return document.querySelectorAll('.graph')[1].dataset.drawn"
                " === arguments[0]", last["codec"] + " " + last["q"]), names)


def test_touch(browser, data):
    """A finger on a phone: the tip, and the boundary."""
    browser.screen(PHONE, "light")
    settle(browser)
    browser.show("#chart")
    codec = next(i for i, n in enumerate(browser.js(
        "return curves.lines.map((l) => l.length)")) if n)
    browser.mouse(browser.js(POINT_PLACES, codec)[0], down=True, kind="touch")
    tip = browser.js("const t = document.getElementById('tip');"
                     "return t.hidden ? '' : t.innerText")
    verdict("a touch finds a point", "q " in tip, tip)
    if data["media"] != "picture" or not data["views"]:
        return
    browser.show(".stage")
    left, top, width, height = browser.box(".stage")
    x, y = browser.js("const b = document.querySelector('.handle')"
                      ".getBoundingClientRect();"
                      "return [b.left + b.width / 2, b.top + b.height / 2]")
    browser.mouse((x, y), (x - 20, y), (x - 60, y),
                  (left + width * 0.2, y), down=True, kind="touch")
    value = browser.js("return Number(document.querySelector('.handle')"
                       ".getAttribute('aria-valuenow'))")
    verdict("a finger moves the boundary", abs(value - 20) <= 3, value)
    browser.focus(".handle")
    browser.press("home", *["right"] * 25)


def test_screens(browser, data, folder):
    for size, device in (DESKTOP, "desktop"), (PHONE, "phone"):
        for scheme in "light", "dark":
            name = "%s, %s" % (device, scheme)
            browser.screen(size, scheme)
            settle(browser)
            browser.js("scrollTo(0, 0)")
            good, counts = colours_drawn(browser, data)
            verdict(name + ": the curves have their colours", good, counts)
            width = browser.js(OVERFLOW)
            verdict(name + ": no sideways scrolling",
                    width <= min(size[0], browser.js("return innerWidth")),
                    width)
            outside = browser.js("""
                return [...document.querySelectorAll("button, select, audio")]
                    .filter((e) => e.offsetParent && e.getBoundingClientRect()
                            .right > document.documentElement.clientWidth + 1)
                    .map((e) => e.textContent.slice(0, 20));""")
            verdict(name + ": every control is within the page", not outside,
                    outside)
            if folder:
                time.sleep(0.3)
                browser.picture(os.path.join(
                    folder, "%s-%s.png" % (device, scheme)))
    browser.screen(DESKTOP, "dark")
    settle(browser)
    pdf = base64.b64decode(browser.cdp("Page.printToPDF",
                                       printBackground=False)["data"])
    verdict("it prints", pdf.startswith(b"%PDF") and len(pdf) > 10000)
    if folder:
        with open(os.path.join(folder, "print.pdf"), "wb") as f:
            f.write(pdf)
    settle(browser)
    good, counts = colours_drawn(browser, data)
    verdict("after printing, the curves are as before", good, counts)


def run(page, folder, temporary):
    with open(page, encoding="utf-8") as f:
        text = f.read()
    start = text.index('<script type="application/json" id="data">')
    data = json.loads(text[text.index(">", start) + 1:
                           text.index("</script>", start)])
    browser = Browser(temporary)
    try:
        browser.screen(DESKTOP, "light")
        browser.post("/url", url="file://" + os.path.abspath(page))
        settle(browser)
        names = browser.js("return document.querySelector('h1').textContent +"
                           "document.getElementById('summary').textContent")
        verdict("the header names title and codecs",
                data["title"] in names and
                all(c["name"] in names for c in data["codecs"]), names)
        test_curves(browser, data)
        test_tables(browser, data)
        if not data["views"]:
            skip("the viewer", "this report has no items to show")
        elif data["media"] == "sound":
            test_sounds(browser, data)
        else:
            test_pictures(browser, data)
        test_touch(browser, data)
        test_screens(browser, data, folder)
        said = [m["message"] for m in browser.log("browser")]
        verdict("nothing on the console", not said, said[:4])
        asked = [json.loads(m["message"])["message"]
                 for m in browser.log("performance")]
        asked = [m["params"]["request"]["url"] for m in asked
                 if m["method"] == "Network.requestWillBeSent" and
                 not m["params"]["documentURL"].startswith("chrome:")]
        foreign = [u[:80] for u in asked
                   if not u.startswith(("file:", "data:", "blob:"))]
        verdict("nothing asked of the network", asked and not foreign, foreign)
    finally:
        browser.close()


# ------------------------------------------------------------------ the sample
def png(width, height, rows):
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body +
                struct.pack(">I", zlib.crc32(kind + body)))
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    data = (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2,
                                       0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))
    return "data:image/png;base64," + base64.b64encode(data).decode()


def wav(rate, samples):
    pcm = b"".join(struct.pack("<h", max(-32768, min(32767,
                                                     round(s * 32767))))
                   for s in samples)
    data = (b"RIFF" + struct.pack("<I", 36 + len(pcm)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) +
            b"data" + struct.pack("<I", len(pcm)) + pcm)
    return "data:audio/wav;base64," + base64.b64encode(data).decode()


def scene(width, height, seed):
    """Hills under a sky, with stripes and noise for codecs to lose."""
    noise = random.Random(seed)
    rows = []
    for y in range(height):
        row = []
        for x in range(width):
            hill = height * (0.55 + 0.18 * math.sin(x / 31 + seed) +
                             0.06 * math.sin(x / 9))
            sun = math.hypot(x - width * 0.72, y - height * 0.24)
            if sun < height * 0.13:
                p = (250, 226, 150)
            elif y < hill:
                p = (96 + y * 0.7, 150 + y * 0.5, 214)
            else:
                stripe = 26 * math.sin((x + 2 * y) / 3.1)
                p = (70 + stripe, 120 + stripe + (y - hill) * 0.4, 66)
            row += [max(0, min(255, round(v + noise.gauss(0, 4)))) for v in p]
        rows.append(row)
    return rows


def coarse(rows, step, block):
    """As a coder with few bits: blocks' means, and coarse steps beside."""
    height, width = len(rows), len(rows[0]) // 3
    out = [list(r) for r in rows]
    for by in range(0, height, block):
        for bx in range(0, width, block):
            for c in range(3):
                cells = [(y, 3 * x + c)
                         for y in range(by, min(by + block, height))
                         for x in range(bx, min(bx + block, width))]
                mean = sum(rows[y][x] for y, x in cells) / len(cells)
                for y, x in cells:
                    v = mean + step * round((rows[y][x] - mean) / step)
                    out[y][x] = max(0, min(255, round(v)))
    return out


PICTURE_METRICS = [
    {"key": "psnr", "label": "PSNR, R'G'B'", "unit": "dB", "better": "higher"},
    {"key": "psnr_yuv", "label": "PSNR, Y'CbCr", "unit": "dB",
     "better": "higher"},
    {"key": "ssim", "label": "SSIM", "unit": "", "better": "higher"},
    {"key": "ms_ssim", "label": "MS-SSIM", "unit": "", "better": "higher"}]
SOUND_METRICS = [
    {"key": "snr", "label": "SI-SDR", "unit": "dB", "better": "higher"},
    {"key": "log_mel", "label": "Log-mel distance", "unit": "dB",
     "better": "lower"}]


def sample_data(media):
    picture = media == "picture"
    metrics = PICTURE_METRICS if picture else SOUND_METRICS
    names = [("nenc", 0.6, "nenc -m kodak-mse.nmdl -q {q} {in} {out}"),
             ("jpeg", 1.0, "cjpeg -quality {q} -optimize {in}"),
             ("webp", 0.82, "cwebp -q {q} {in} -o {out}"),
             ("avif", 0.55, "avifenc -q {q} -s 4 {in} {out}")] if picture \
        else [("nenc", 0.5, "nenc -m speech.nmdl -q {q} {in} {out}"),
              ("opus", 1.0, "opusenc --bitrate {q} {in} {out}"),
              ("mp3", 1.6, "lame -b {q} {in} {out}")]
    codecs = []
    for n, (name, cost, about) in enumerate(names):
        points = []
        for k in range(6 if n else 5):
            rate = (0.12 if picture else 3) * cost * 1.75 ** k
            level = 26 + 2.9 * k + 0.3 * n
            miss = 0.09 * 0.58 ** k * (1 + 0.1 * n)
            if picture:
                values = {"psnr": level, "psnr_yuv": level + 1.4,
                          "ssim": 1 - miss, "ms_ssim": 1 - miss / 3}
                if name == "webp":
                    values["ssim"] = None
            else:
                values = {"snr": level - 20, "log_mel": 9 - 1.2 * k}
            points.append({"q": str(k if n == 0 else 15 + 14 * k),
                           "rate": rate, "metrics": values,
                           "encode_s": 0.31 / cost + 0.01 * k,
                           "decode_s": 0.12 if n else None,
                           "encode_mib": 80.1 / cost + k, "decode_mib": 70.0})
        bd = {m["key"]: {"percent": round((cost - 1) * 100 - i, 1),
                         "from": 28.8, "to": 38.8}
              for i, m in enumerate(metrics)}
        if name == "webp":
            bd["ssim"] = {"why": "the curves share no interval"}
        codecs.append({"name": name, "about": about, "points": points,
                       "bd": bd})
    views = []
    for i in range(2):
        coded = []
        if picture:
            width, height = (192, 144) if i == 0 else (112, 160)
            rows = scene(width, height, i + 1)
            view = {"item": "kodim%02d.png" % (i + 1), "width": width,
                    "height": height, "original": png(width, height, rows),
                    "note": "a part of 768x512" if i == 0 else ""}
        else:
            rate, seconds = 16000, 2.5
            noise = random.Random(i)
            clean = [0.5 * math.sin(2 * math.pi * (220 + 300 * t * (i + 1)) *
                                    t) * abs(math.sin(4 * t)) +
                     0.06 * noise.gauss(0, 1) * (t % 0.6 < 0.1)
                     for t in (k / rate for k in range(int(rate * seconds)))]
            view = {"item": "speech-%d.wav" % (i + 1), "rate_hz": rate,
                    "channels": 1, "seconds": seconds,
                    "original": wav(rate, clean), "note": ""}
        for n, codec in enumerate(codecs):
            for k in (0, 2, 4):
                p = codec["points"][k]
                if picture:
                    src = png(width, height, coarse(rows, 60 / (1 + k) + n,
                                                    8 + 4 * n))
                else:
                    bits = 2 ** (4 + k)
                    src = wav(rate, [round(s * bits) / bits for s in clean])
                coded.append({"codec": codec["name"], "q": p["q"],
                              "rate": p["rate"], "metrics": p["metrics"],
                              "src": src})
        views.append({**view, "coded": coded})
    return {"title": "Kodak pictures" if picture else "Clean speech",
            "generator": "neval 0.1.0", "media": media,
            "rate": {"key": "bpp", "label": "bits per pixel"} if picture
            else {"key": "kbps", "label": "kbit/s"},
            "metrics": metrics, "anchor": names[1][0], "n_items": 24,
            "codecs": codecs,
            "missing": [{"name": "heic", "why": "heif-enc is not installed"}],
            "failed": [{"codec": names[-1][0], "q": "3", "item": "a.png",
                        "why": "the decoder ended with status 1"}],
            "views": views}


def assemble(data):
    """What the C program does with page.html."""
    out = []
    with open(os.path.join(REPORT, "page.html"), encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith("@@FILE ") and line.endswith("@@"):
                with open(os.path.join(REPORT, line[7:-2]),
                          encoding="utf-8") as part:
                    line = part.read().rstrip("\n")
            elif line == "@@DATA@@":
                line = json.dumps(data).replace("<", "\\u003c")
            out.append(line + "\n")
    return "".join(out)


def main():
    arguments = sys.argv[1:]
    folder = None
    if "--screenshots" in arguments:
        i = arguments.index("--screenshots")
        folder = arguments[i + 1]
        del arguments[i:i + 2]
        os.makedirs(folder, exist_ok=True)
    if len(arguments) == 2 and arguments[0] == "sample":
        os.makedirs(arguments[1], exist_ok=True)
        for media in "picture", "sound":
            path = os.path.join(arguments[1], media + ".html")
            with open(path, "w", encoding="utf-8") as f:
                f.write(assemble(sample_data(media)))
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(__doc__)
        return 2
    for program in "chromium", "chromedriver":
        if not shutil.which(program):
            skip("the report in a browser", "no %s" % program)
            return 77
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        run(arguments[0], folder, temporary)
    return failed


if __name__ == "__main__":
    sys.exit(main())
