/* SPDX-License-Identifier: BSD-2-Clause */
/* Sound files, and metrics of sounds against values that a hand can compute;
 * sound_metrics.sh compares them with another implementation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sound_metrics.h"

typedef nenc_status metric(double *value, const nenc_sound *reference,
                           const nenc_sound *estimate, nenc_diag *diag);

static nenc_sound silence(uint32_t rate, uint32_t channels, uint64_t frames)
{
    nenc_sound sound;
    assert_int_equal(nenc_sound_alloc(&sound, rate, channels, frames, NULL),
                     NENC_OK);
    return sound;
}

static size_t size_of(const nenc_sound *sound)
{
    return sound->frames * sound->channels;
}

static nenc_sound copy(const nenc_sound *sound, float scale)
{
    nenc_sound to = silence(sound->rate, sound->channels, sound->frames);
    for (size_t i = 0; i < size_of(sound); i++)
        to.data[i] = scale * sound->data[i];
    return to;
}

/* Adds a sine of a whole number of periods; that of a phase of 0.25 is
 * orthogonal to that of 0, and both have no mean. */
static void add_sine(nenc_sound *sound, double periods, double amplitude,
                     double phase)
{
    const double two_pi = 8 * atan(1);
    for (size_t i = 0; i < size_of(sound); i++)
        sound->data[i] += (float)(amplitude
            * sin(two_pi * (periods * (double)(i / sound->channels)
                            / (double)sound->frames + phase)));
}

/* White, in bursts: a third of the time it is quiet. */
static void add_noise(nenc_sound *sound, uint32_t seed, double amplitude)
{
    for (size_t i = 0; i < size_of(sound); i++) {
        const size_t frame = i / sound->channels;
        const bool loud = frame / (sound->rate / 10) % 3;
        seed = seed * 1664525u + 1013904223u;
        sound->data[i] += (float)((loud ? 1 : 0.01) * amplitude
                                  * ((seed >> 8) / 8388608.0 - 1));
    }
}

static double value_of(metric *get, const nenc_sound *x, const nenc_sound *y)
{
    double v = -1;
    nenc_diag diag = { NENC_OK, "" };
    if (get(&v, x, y, &diag) != NENC_OK)
        fail_msg("%s", diag.text);
    return v;
}

/* What only a build with the library can do is skipped in another. */
static void need_kissfft(void)
{
    double v;
    float zero = 0;
    const nenc_sound x = { 8000, 1, 1, &zero };
    if (nenc_log_mel(&v, &x, &x, NULL) == NENC_EUNSUPPORTED)
        skip();
}

static void need_sndfile(void)
{
    nenc_sound x;
    if (nenc_sound_read(&x, "no/such.wav", 1, NULL) == NENC_EUNSUPPORTED)
        skip();
}

/* ------------------------------------------------------------------ SI-SDR */

static void si_sdr_of_orthogonal_noise(void **state)
{
    (void)state;
    nenc_sound x = silence(8000, 2, 8000);
    add_sine(&x, 100, 0.5, 0);
    nenc_sound y = copy(&x, 0.25f);
    /* energies 1 and 1 / 100, at a scale of its own and with an offset */
    add_sine(&y, 100, 0.0125, 0.25);
    for (size_t i = 0; i < size_of(&y); i++)
        y.data[i] += 0.125f;
    assert_true(fabs(value_of(nenc_si_sdr, &x, &y) - 20) < 1e-4);
    /* the other part of the copy is no distortion */
    add_sine(&y, 100, 0.125, 0);
    assert_true(fabs(value_of(nenc_si_sdr, &x, &y)
                     - 20 * log10(0.25 / 0.0125)) < 1e-4);
    nenc_sound_free(&x);
    nenc_sound_free(&y);
}

static void si_sdr_of_equal_sounds_of_any_scale(void **state)
{
    (void)state;
    nenc_sound x = silence(16000, 1, 5000);
    add_noise(&x, 1, 0.4);
    assert_true(value_of(nenc_si_sdr, &x, &x) == INFINITY);
    for (float scale = -2; scale < 3; scale += 4) {
        nenc_sound y = copy(&x, scale);
        assert_true(value_of(nenc_si_sdr, &x, &y) == INFINITY);
        nenc_sound_free(&y);
    }
    nenc_sound z = copy(&x, 1);
    add_noise(&z, 2, 0.04);
    nenc_sound louder = copy(&z, 3);
    assert_true(fabs(value_of(nenc_si_sdr, &x, &z)
                     - value_of(nenc_si_sdr, &x, &louder)) < 1e-4);
    nenc_sound_free(&x);
    nenc_sound_free(&z);
    nenc_sound_free(&louder);
}

static void si_sdr_of_silence(void **state)
{
    (void)state;
    nenc_sound x = silence(16000, 1, 5000), none = silence(16000, 1, 5000);
    nenc_sound constant = silence(16000, 1, 5000);
    add_noise(&x, 1, 0.4);
    for (size_t i = 0; i < size_of(&constant); i++)
        constant.data[i] = 0.3f;
    assert_true(value_of(nenc_si_sdr, &none, &none) == INFINITY);
    assert_true(value_of(nenc_si_sdr, &none, &constant) == INFINITY);
    assert_true(value_of(nenc_si_sdr, &constant, &none) == INFINITY);
    assert_true(value_of(nenc_si_sdr, &x, &none) == -INFINITY);
    assert_true(value_of(nenc_si_sdr, &x, &constant) == -INFINITY);
    assert_true(value_of(nenc_si_sdr, &none, &x) == -INFINITY);
    assert_true(value_of(nenc_si_sdr, &constant, &x) == -INFINITY);
    nenc_sound_free(&x);
    nenc_sound_free(&none);
    nenc_sound_free(&constant);
}

/* Of two equally loud channels one is gone: the scale is 1/2 for both, and
 * both are off by as much as is right. */
static void si_sdr_misses_a_channel(void **state)
{
    (void)state;
    nenc_sound x = silence(8000, 2, 4000);
    add_sine(&x, 50, 0.5, 0);
    nenc_sound y = copy(&x, 1);
    for (size_t i = 1; i < size_of(&y); i += 2)
        y.data[i] = 0;
    assert_true(fabs(value_of(nenc_si_sdr, &x, &y)) < 1e-6);
    nenc_sound_free(&x);
    nenc_sound_free(&y);
}

/* ------------------------------------------------------------- the others */

static void equal_sounds(void **state)
{
    (void)state;
    need_kissfft();
    nenc_sound x = silence(22050, 2, 44100);
    add_noise(&x, 3, 0.5);
    assert_true(value_of(nenc_log_mel, &x, &x) == 0);
    assert_true(fabs(value_of(nenc_stoi, &x, &x) - 1) < 1e-12);
    assert_true(fabs(value_of(nenc_nsim, &x, &x) - 1) < 1e-12);
    nenc_sound_free(&x);
}

/* Every band of noise falls by 20 dB with its amplitude; STOI scales. */
static void quieter_sounds(void **state)
{
    (void)state;
    need_kissfft();
    nenc_sound x = silence(44100, 1, 88200);
    add_noise(&x, 4, 0.5);
    nenc_sound y = copy(&x, 0.1f);
    assert_true(fabs(value_of(nenc_log_mel, &x, &y) - 20) < 1e-5);
    assert_true(fabs(value_of(nenc_stoi, &x, &y) - 1) < 1e-6);
    const double nsim = value_of(nenc_nsim, &x, &y);
    assert_true(nsim > 0.3 && nsim < 0.99);
    nenc_sound_free(&x);
    nenc_sound_free(&y);
}

/* A click of height 1 in the middle of the only frame, where the window is 1:
 * |FFT|^2 is 1 in every bin, a band's power the sum of its weights, which are
 * 1.3 in the lowest bands (1 dB) and 46 in the highest (17 dB).  One of half
 * the height is 6 dB less in all of them, silence -100 dB. */
static void log_mel_of_a_click(void **state)
{
    (void)state;
    need_kissfft();
    nenc_sound x = silence(48000, 1, 2048), y = silence(48000, 1, 2048);
    x.data[1024] = 1;
    y.data[1024] = 0.5f;
    assert_true(fabs(value_of(nenc_log_mel, &x, &y) - 20 * log10(2)) < 1e-6);
    y.data[1024] = 0;
    const double none = value_of(nenc_log_mel, &x, &y);
    assert_true(none > 100 && none < 120);
    nenc_sound_free(&x);
    nenc_sound_free(&y);
}

static void metrics_fall_with_noise(void **state)
{
    (void)state;
    need_kissfft();
    nenc_sound x = silence(32000, 2, 64000);
    add_noise(&x, 5, 0.3);
    double last[3] = { 0, 1, 1 };
    for (double amount = 0.01; amount < 0.5; amount *= 3) {
        nenc_sound y = copy(&x, 1);
        add_noise(&y, 6, amount);
        const double v[3] = { value_of(nenc_log_mel, &x, &y),
                              value_of(nenc_stoi, &x, &y),
                              value_of(nenc_nsim, &x, &y) };
        nenc_sound_free(&y);
        assert_true(v[0] > last[0] && v[1] < last[1] && v[2] < last[2]);
        memcpy(last, v, sizeof last);
    }
    assert_true(last[1] > 0 && last[2] > 0);
    nenc_sound_free(&x);
}

static void silence_has_values(void **state)
{
    (void)state;
    need_kissfft();
    double v;
    nenc_sound x = silence(16000, 1, 32000), y = silence(16000, 1, 32000);
    add_noise(&y, 7, 0.1);
    assert_true(value_of(nenc_log_mel, &x, &x) == 0);
    assert_true(value_of(nenc_nsim, &x, &x) == 1);
    assert_true(isfinite(value_of(nenc_log_mel, &x, &y)));
    assert_true(isfinite(value_of(nenc_nsim, &x, &y)));
    assert_true(isfinite(value_of(nenc_nsim, &y, &x)));
    assert_true(value_of(nenc_stoi, &y, &x) == 0);
    assert_int_equal(nenc_stoi(&v, &x, &y, NULL), NENC_EUNSUPPORTED);
    nenc_sound_free(&x);
    nenc_sound_free(&y);
}

/* Rates whose greatest common divisor with 10 kHz is anything, lengths around
 * those of frames: nothing may be read that is not there. */
static void odd_rates_and_lengths(void **state)
{
    (void)state;
    need_kissfft();
    static const uint32_t rates[] = { 1, 8001, 10000, 11025, 48000, 192000 };
    static const uint64_t lengths[] = { 1, 2, 257, 2048, 2049, 2561, 4093 };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            double v;
            nenc_sound x = silence(10, 1, lengths[k]);
            add_noise(&x, 8, 0.5);
            x.rate = rates[i];
            nenc_status st = nenc_stoi(&v, &x, &x, NULL);
            assert_true(st == NENC_EUNSUPPORTED
                        || (st == NENC_OK && fabs(v - 1) < 1e-9));
            st = nenc_nsim(&v, &x, &x, NULL);
            assert_true(st == NENC_EUNSUPPORTED
                        || (st == NENC_OK && fabs(v - 1) < 1e-9));
            assert_true(value_of(nenc_log_mel, &x, &x) == 0);
            nenc_sound_free(&x);
        }
}

/* 30 frames of 256 samples, 128 apart, and one more: the frame that would end
 * with the sound does not count, and then neither does the last of those
 * left. */
static void stoi_needs_a_segment(void **state)
{
    (void)state;
    need_kissfft();
    double v;
    nenc_sound x = silence(10000, 1, 256 + 31 * 128);
    add_sine(&x, 200, 0.5, 0);
    assert_int_equal(nenc_stoi(&v, &x, &x, NULL), NENC_OK);
    x.frames = 256 + 30 * 128;
    assert_int_equal(nenc_stoi(&v, &x, &x, NULL), NENC_EUNSUPPORTED);
    x.frames += 128;
    x.rate = 7999;
    assert_int_equal(nenc_stoi(&v, &x, &x, NULL), NENC_EUNSUPPORTED);
    nenc_sound_free(&x);
}

static void refuses_what_it_cannot_compare(void **state)
{
    (void)state;
    static metric *const metrics[] = {
        nenc_si_sdr, nenc_log_mel, nenc_stoi, nenc_nsim
    };
    size_t n;
    double v;
    nenc_sound x = silence(16000, 1, 100000), y = silence(16000, 1, 95904);
    assert_int_equal(nenc_sound_overlap(&n, &x, &y, NULL), NENC_OK);
    assert_int_equal(n, 95904);
    y.frames--;                           /* 4097 fewer, and over 1 % */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(metrics[i](&v, &x, &y, NULL), NENC_EINVAL);
        assert_int_equal(metrics[i](&v, &y, &x, NULL), NENC_EINVAL);
    }
    y.frames = 0;
    x.frames = 10;
    assert_int_equal(nenc_si_sdr(&v, &x, &y, NULL), NENC_EINVAL);
    y.frames = 10;
    y.rate++;
    assert_int_equal(nenc_si_sdr(&v, &x, &y, NULL), NENC_EINVAL);
    y.rate--;
    y.channels++;
    assert_int_equal(nenc_si_sdr(&v, &x, &y, NULL), NENC_EINVAL);
    x.channels = y.channels = NENC_SOUND_MAX_CHANNELS + 1;
    assert_int_equal(nenc_si_sdr(&v, &x, &y, NULL), NENC_EINVAL);
    nenc_sound_free(&x);
    nenc_sound_free(&y);
}

/* -------------------------------------------------------------------- files */

static void knows_paths_of_sounds(void **state)
{
    (void)state;
    assert_true(nenc_sound_is_path("a.wav") && nenc_sound_is_path("b/A.FLAC"));
    assert_true(nenc_sound_is_path("a.aif") && nenc_sound_is_path("a.Aiff"));
    assert_true(nenc_sound_is_path("a.opus") && nenc_sound_is_path("a.mp3"));
    assert_true(nenc_sound_is_path("a.b.ogg"));
    assert_false(nenc_sound_is_path("") || nenc_sound_is_path("wav"));
    assert_false(nenc_sound_is_path(".wav") || nenc_sound_is_path("a.wav/b"));
    assert_false(nenc_sound_is_path("a.wave") || nenc_sound_is_path("wav.a"));
}

static void alloc_has_bounds(void **state)
{
    (void)state;
    nenc_sound x;
    assert_int_equal(nenc_sound_alloc(&x, 0, 1, 9, NULL), NENC_EINVAL);
    assert_int_equal(nenc_sound_alloc(&x, 1, 0, 9, NULL), NENC_EINVAL);
    assert_int_equal(nenc_sound_alloc(&x, 1, 65, 9, NULL), NENC_EINVAL);
    assert_int_equal(nenc_sound_alloc(&x, 1, 64, UINT64_MAX / 2, NULL),
                     NENC_EINVAL);
    assert_int_equal(nenc_sound_alloc(&x, 1, 1, SIZE_MAX / 2, NULL),
                     NENC_ENOMEM);
    assert_null(x.data);
    x = silence(1, 1, 0);
    assert_non_null(x.data);
    nenc_sound_free(&x);
    assert_null(x.data);
    nenc_sound_free(&x);
}

static char folder[] = "/tmp/nenc-sound-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void files_keep_sounds(void **state)
{
    (void)state;
    need_sndfile();
    static const char *const names[] = { "a.wav", "a.flac", "B.FLAC" };
    nenc_sound x = silence(22050, 3, 5001), y;
    add_noise(&x, 9, 1.1);                /* some is over full scale */
    x.data[0] = 1;
    x.data[1] = -1;
    x.data[2] = 0.5f / 32768;
    for (int i = 0; i < 3; i++) {
        const char *path = path_of(names[i]);
        assert_int_equal(nenc_sound_write(&x, path, NULL), NENC_OK);
        assert_int_equal(nenc_sound_read(&y, path, 5001, NULL), NENC_OK);
        assert_int_equal(y.rate, 22050);
        assert_int_equal(y.channels, 3);
        assert_int_equal(y.frames, 5001);
        for (size_t k = 0; k < size_of(&x); k++) {
            const float v = x.data[k];
            const float clipped = fmaxf(-1, fminf(32767 / 32768.f, v));
            assert_true(fabsf(y.data[k] - clipped) <= 0.5f / 32768);
        }
        assert_true(y.data[0] == 32767 / 32768.f && y.data[1] == -1);
        assert_true(y.data[2] == 1 / 32768.f);          /* halves up */
        nenc_sound_free(&y);
        assert_int_equal(nenc_sound_read(&y, path, 5000, NULL), NENC_ELIMIT);
        assert_null(y.data);
        unlink(path);
    }
    nenc_sound_free(&x);
}

static void refuses_other_files(void **state)
{
    (void)state;
    need_sndfile();
    nenc_sound x = silence(8000, 1, 3000), y;
    add_noise(&x, 10, 0.5);
    const char *path = path_of("x.flac");
    assert_int_equal(nenc_sound_write(&x, path, NULL), NENC_OK);
    assert_int_equal(truncate(path, 2000), 0);
    assert_true(nenc_sound_read(&y, path, 9999, NULL) < 0);
    assert_null(y.data);
    unlink(path);
    assert_int_equal(nenc_sound_read(&y, path, 9999, NULL), NENC_EIO);
    path = path_of("garbage.wav");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        fputc(i * i % 251, file);
    fclose(file);
    assert_int_equal(nenc_sound_read(&y, path, 9999, NULL),
                     NENC_EUNSUPPORTED);
    assert_null(y.data);
    unlink(path);
    assert_int_equal(nenc_sound_write(&x, path_of("x.mp3"), NULL),
                     NENC_EINVAL);
    assert_int_equal(nenc_sound_write(&x, path_of("no/x.wav"), NULL),
                     NENC_EIO);
    nenc_sound_free(&x);
    x = silence(8000, 9, 10);             /* FLAC has 8 channels at most */
    assert_int_equal(nenc_sound_write(&x, path_of("x.flac"), NULL),
                     NENC_EINVAL);
    nenc_sound_free(&x);
}

/* A WAV file of one float, by hand. */
static void refuses_what_is_no_number(void **state)
{
    (void)state;
    need_sndfile();
    static const uint8_t head[44] =
        "RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\3\0\1\0\x40\x1f\0\0\0\x7d\0\0\4\0\x20"
        "\0data\4\0\0";
    const float values[] = { 1.5f, NAN, INFINITY, -1e30f };
    nenc_sound x;
    for (int i = 0; i < 4; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], 4);
        FILE *file = fopen(path_of("x.wav"), "wb");
        assert_non_null(file);
        fwrite(head, 1, 44, file);
        for (int k = 0; k < 4; k++)
            fputc((int)(bits >> (8 * k) & 255), file);
        fclose(file);
        assert_int_equal(nenc_sound_read(&x, path_of("x.wav"), 9, NULL),
                         i ? NENC_EBITSTREAM : NENC_OK);
        unlink(path_of("x.wav"));
        assert_true(i || x.data[0] == 1.5f);
        nenc_sound_free(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(si_sdr_of_orthogonal_noise),
        cmocka_unit_test(si_sdr_of_equal_sounds_of_any_scale),
        cmocka_unit_test(si_sdr_of_silence),
        cmocka_unit_test(si_sdr_misses_a_channel),
        cmocka_unit_test(equal_sounds),
        cmocka_unit_test(quieter_sounds),
        cmocka_unit_test(log_mel_of_a_click),
        cmocka_unit_test(metrics_fall_with_noise),
        cmocka_unit_test(silence_has_values),
        cmocka_unit_test(odd_rates_and_lengths),
        cmocka_unit_test(stoi_needs_a_segment),
        cmocka_unit_test(refuses_what_it_cannot_compare),
        cmocka_unit_test(knows_paths_of_sounds),
        cmocka_unit_test(alloc_has_bounds),
        cmocka_unit_test(files_keep_sounds),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(refuses_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
