# SPDX-License-Identifier: BSD-2-Clause
"""Sound metrics written a second time, from their definitions, with numpy.

    sound_metrics.py make A.wav B.wav
        writes a pair: speech-like bursts, and what noise and a filter leave
    sound_metrics.py A.wav B.wav
        prints SI-SDR, log-mel distance, STOI and NSIM; 16-bit files only

STOI is "nan" where it has no value.  The definitions stand in
eval/sound_metrics.h.
"""
import math
import sys
import wave

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def read_wav(path):
    """Rate, and samples as [frames, channels] in [-1, 1)."""
    with wave.open(path, "rb") as f:
        assert f.getsampwidth() == 2
        data = np.frombuffer(f.readframes(f.getnframes()), "<i2")
        return f.getframerate(), data.reshape(-1, f.getnchannels()) / 32768


def write_wav(path, rate, x):
    with wave.open(path, "wb") as f:
        f.setnchannels(x.shape[1])
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes(np.clip(np.rint(x * 32768), -32768, 32767)
                      .astype("<i2").tobytes())


# -------------------------------------------------------------------- SI-SDR

def si_sdr(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    if not x.any() or not y.any():
        return math.inf if not x.any() and not y.any() else -math.inf
    target = np.vdot(x, y) / np.vdot(x, x) * x
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.sum(target ** 2) / np.sum((target - y) ** 2))


# ------------------------------------------------------------------- log-mel

def to_mel(hz):
    return 2595 * np.log10(1 + hz / 700)


def mel_weights(rate, size, bands):
    """Piecewise linear interpolation of a unit vector for each band."""
    hz = np.arange(size // 2 + 1) * rate / size
    mels = np.linspace(0, to_mel(rate / 2), bands + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    return np.array([np.interp(hz, corners, unit)
                     for unit in np.eye(bands + 2)[1:-1]])


def mel_spectra(x, rate, bands):
    """[frames, bands] in dB, of one channel."""
    size = 1024 if rate <= 24000 else 2048
    hop = size // 4
    count = 1 + max(0, math.ceil((len(x) - size) / hop))
    x = np.pad(x, (0, (count - 1) * hop + size - len(x)))
    window = np.hanning(size + 1)[:-1]
    frames = sliding_window_view(x, size)[::hop]
    weights = mel_weights(rate, size, bands).T
    out = []
    for part in np.array_split(frames, math.ceil(count / 500)):
        power = np.abs(np.fft.rfft(part * window)) ** 2
        out.append(power @ weights)
    return 10 * np.log10(np.maximum(np.concatenate(out), 1e-10))


def log_mel(x, y, rate):
    return np.mean([np.abs(mel_spectra(a, rate, 80) - mel_spectra(b, rate, 80))
                    for a, b in zip(x.T, y.T)])


# ---------------------------------------------------------------------- NSIM

def blur(x):
    """Weighted means of all 3x3 windows within x."""
    tap = np.exp(-np.array([-1, 0, 1]) ** 2 / (2 * 0.5 ** 2))
    kernel = np.outer(tap, tap) / tap.sum() ** 2
    return np.einsum("tbij,ij->tb", sliding_window_view(x, (3, 3)), kernel)


def nsim_of_channel(x, y):
    top = x.max()
    bottom = top - 60
    span = max(1, top - max(x.min(), bottom))
    loudest = np.maximum(x, y).max(axis=1, keepdims=True)
    floor = np.maximum(bottom, loudest - 45)
    x, y = np.maximum(x, floor) - bottom, np.maximum(y, floor) - bottom
    c1, c3 = 0.01 * span, (0.03 * span) ** 2
    mx, my = blur(x), blur(y)
    sx = np.sqrt(np.maximum(blur(x * x) - mx ** 2, 0))
    sy = np.sqrt(np.maximum(blur(y * y) - my ** 2, 0))
    sxy = blur(x * y) - mx * my
    return np.mean((2 * mx * my + c1) / (mx ** 2 + my ** 2 + c1)
                   * (sxy + c3) / (sx * sy + c3))


def nsim(x, y, rate):
    return np.mean([nsim_of_channel(mel_spectra(a, rate, 32),
                                    mel_spectra(b, rate, 32))
                    for a, b in zip(x.T, y.T)])


# ---------------------------------------------------------------------- STOI

def resample(x, rate):
    """To 10 kHz, phase by phase of the filter."""
    common = math.gcd(10000, rate)
    p, q = 10000 // common, rate // common
    longest = max(p, q)
    k = np.arange(-10 * longest, 10 * longest + 1)
    h = np.sinc(k / longest) * np.kaiser(len(k), 5)
    h *= p / h.sum()
    out = np.zeros(-(-len(x) * p // q))
    for phase in range(min(p, len(out))):
        # the outputs that see the same taps; the newest sample they see
        newest, first_tap = np.divmod(np.arange(phase, len(out), p) * q
                                      + 10 * longest, p)
        taps = h[first_tap[0]::p]
        n = newest[:, None] - np.arange(len(taps))
        inside = (n >= 0) & (n < len(x))
        out[phase::p] = np.where(inside, x[n * inside], 0) @ taps
    return out


def frames_of(x):
    return np.array([x[i:i + 256] for i in range(0, len(x) - 256, 128)])


def without_silence(x, y):
    window = np.hanning(258)[1:-1]
    fx, fy = frames_of(x) * window, frames_of(y) * window
    energy = np.sum(fx ** 2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        keep = 10 * np.log10(energy / energy.max()) > -40

    def add(frames):
        out = np.zeros(128 * (len(frames) + 1))
        for i, frame in enumerate(frames):
            out[128 * i:128 * i + 256] += frame
        return out

    return (add(fx[keep]), add(fy[keep])) if keep.any() else (x[:0], y[:0])


def third_octaves(x):
    """[frames, 15] norms of bands."""
    power = np.abs(np.fft.rfft(frames_of(x) * np.hanning(258)[1:-1], 512)) ** 2
    hz = np.arange(257) * 10000 / 512
    bands = []
    for centre in 150 * 2 ** (np.arange(15) / 3):
        low, high = (np.argmin(np.abs(hz - centre * 2 ** s))
                     for s in (-1 / 6, 1 / 6))
        bands.append(np.sqrt(power[:, low:high].sum(axis=1)))
    return np.array(bands).T


def stoi(x, y, rate):
    if rate < 8000:
        return math.nan
    x, y = (resample(v.mean(axis=1), rate) for v in (x, y))
    if len(x) <= 256:
        return math.nan
    x, y = without_silence(x, y)
    if len(x) < 256 + 128 * 29 + 1:
        return math.nan
    # [segments, 15, 30]
    x, y = (sliding_window_view(third_octaves(v), 30, axis=0) for v in (x, y))

    def norm(v):
        return np.sqrt(np.sum(v ** 2, axis=2, keepdims=True))

    def ratio(a, b):
        return np.divide(a, b, out=np.zeros_like(a), where=b > 0)

    y = np.minimum(y * ratio(norm(x), norm(y)), x * (1 + 10 ** 0.75))
    x = x - x.mean(axis=2, keepdims=True)
    y = y - y.mean(axis=2, keepdims=True)
    return np.mean(np.sum(ratio(x, norm(x)) * ratio(y, norm(y)), axis=2))


# ---------------------------------------------------------------------- pairs

def make(a, b):
    """Harmonics with a changing pitch in bursts, between them silence; the
    copy is low-passed, quieter in one channel, noisy, and 100 frames short."""
    rng = np.random.default_rng(1)
    rate, n = 44100, 3 * 44100
    t = np.arange(n) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(5 * t)) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 60))
    voice += 0.3 * rng.standard_normal(n)
    voice *= np.maximum(0, np.sin(2 * np.pi * 2.2 * t)) ** 2 * 0.1
    x = np.stack([voice, 0.6 * np.roll(voice, 20)], axis=1)
    y = (x + np.roll(x, 1, axis=0)) / 2 * [1, 0.8]
    y += 0.01 * rng.standard_normal(y.shape)
    write_wav(a, rate, x)
    write_wav(b, rate, y[:-100])


def main(args):
    if args[:1] == ["make"] and len(args) == 3:
        make(*args[1:])
        return
    if len(args) != 2:
        sys.exit(__doc__)
    (rate, x), (rate_y, y) = map(read_wav, args)
    assert rate == rate_y and x.shape[1] == y.shape[1]
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    print("%.9g %.9g %.9g %.9g" % (si_sdr(x, y), log_mel(x, y, rate),
                                   stoi(x, y, rate), nsim(x, y, rate)))


if __name__ == "__main__":
    main(sys.argv[1:])
