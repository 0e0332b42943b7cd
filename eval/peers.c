/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of codecs, and reading specifications.  One thread each where a
 * program has the choice: neval runs one on each core. */
#include <stdio.h>
#include <string.h>

#include "media.h"
#include "peers.h"

#define PICTURE NENC_EVAL_PICTURE
#define SOUND NENC_EVAL_SOUND
#define FFMPEG "ffmpeg -nostdin -v error -y -threads 1 "

static const nenc_peer peers[] = {
    { "nenc", PICTURE, true, "this suite",
      "nenc --threads 1 --quiet -f {options} -q {q} {in.pnm} -o {coded.nenc}",
      "ndec --threads 1 --quiet -f {options} {coded.nenc} -o {out.pnm}",
      "0,17,33,50,67,83,100" },
    { "jpeg", PICTURE, true, "libjpeg-turbo, 4:2:0, optimised tables",
      "cjpeg -optimize {options} -quality {q} -outfile {coded.jpg} {in.pnm}",
      "djpeg -pnm -outfile {out.pnm} {coded.jpg}", "10,25,40,55,70,85,95" },
    { "webp", PICTURE, true, "libwebp, 4:2:0, slowest method",
      "cwebp -quiet -m 6 {options} -q {q} {in.png} -o {coded.webp}",
      "dwebp -quiet {coded.webp} -ppm -o {out.ppm}", "1,10,25,45,65,85,95" },
    { "jp2", PICTURE, false, "OpenJPEG; q is the PSNR aimed at",
      "opj_compress -I {options} -q {q} -i {in.pnm} -o {coded.jp2}",
      "opj_decompress -i {coded.jp2} -o {out.pnm}", "26,29,31,33,35,38,41" },
    { "jxl", PICTURE, true, "libjxl; q is the distance",
      "cjxl --quiet --num_threads=0 {options} -d {q} {in.png} {coded.jxl}",
      "djxl --quiet --num_threads=0 {coded.jxl} {out.ppm}",
      "12,8,5.5,4,2.7,1.7,1" },
    { "avif", PICTURE, true, "libaom through libavif, 4:4:4; q is the "
      "quantiser",
      "avifenc -s 4 -j 1 -y 444 --min 0 --max 63 -a end-usage=q {options} "
      "-a cq-level={q} {in.png} {coded.avif}",
      "avifdec -j 1 {coded.avif} {out.png}", "58,50,43,36,29,22,14" },
    { "heic", PICTURE, true, "x265 through libheif, 4:4:4",
      "heif-enc -p chroma=444 {options} -q {q} {in.png} -o {coded.heic}",
      "heif-convert {coded.heic} {out.png}", "10,20,30,40,50,62,75" },
    { "png", PICTURE, false, "FFmpeg's, lossless",
      FFMPEG "-i {in.png} -compression_level 9 -pred mixed {options} "
      "{coded.png}",
      FFMPEG "-i {coded.png} {out.ppm}", "lossless" },
    { "downsample", PICTURE, false, "every q-th sample of the means, as PNG; "
      "bicubic back: a check on metrics, no codec",
      FFMPEG "-i {in.png} -vf scale=iw/{q}:ih/{q}:flags=area {coded.png}",
      FFMPEG "-i {coded.png} -vf scale={width}:{height}:flags=bicubic "
      "{out.ppm}", "8,6,4,3,2" },
    { "opus", SOUND, true, "libopus, variable rate; q is kbit/s",
      "opusenc --quiet {options} --bitrate {q} {in.wav} {coded.opus}",
      "opusdec --quiet --rate {rate} {coded.opus} {out.wav}",
      "12,16,24,32,48,64,96" },
    { "mp3", SOUND, true, "LAME, variable rate",
      "lame --quiet --resample {rate} {options} -V {q} {in.wav} {coded.mp3}",
      "lame --quiet --decode {coded.mp3} {out.wav}", "9,8,7,6,4,2,0" },
    { "vorbis", SOUND, true, "libvorbis, variable rate",
      "oggenc -Q {options} -q {q} {in.wav} -o {coded.ogg}",
      "oggdec -Q {coded.ogg} -o {out.wav}", "-1,0,1,2,4,6,8" },
    { "flac", SOUND, false, "lossless",
      "flac --totally-silent -f -8 {options} {in.wav} -o {coded.flac}",
      "flac --totally-silent -f -d {coded.flac} -o {out.wav}", "lossless" },
};

const nenc_peer *nenc_peer_at(size_t i)
{
    return i < sizeof peers / sizeof peers[0] ? &peers[i] : NULL;
}

static const nenc_peer *peer_named(const char *name, nenc_eval_media media)
{
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++)
        if (!strcmp(peers[i].name, name) && peers[i].media == media)
            return &peers[i];
    return NULL;
}

static nenc_status no_memory(nenc_diag *diag)
{
    return nenc_fail(diag, NENC_ENOMEM, "out of memory");
}

/* Settings parted by commas, from few bits to many. */
static nenc_status split_q(nenc_eval_codec *c, const char *list,
                           nenc_arena *arena, nenc_diag *diag)
{
    c->n_q = 0;
    for (;;) {
        const size_t n = strcspn(list, ",");
        if (!n || c->n_q == NENC_POINTS_MAX)
            return nenc_fail(diag, NENC_EINVAL, "%s: %s", c->label,
                             n ? "too many settings" : "an empty setting");
        c->q[c->n_q] = nenc_arena_strdup(arena, list, n);
        if (!c->q[c->n_q++])
            return no_memory(diag);
        if (!list[n])
            return NENC_OK;
        list += n + 1;
    }
}

/* Where "@Q,Q" begins at the end of a specification; NULL = nowhere. */
static char *settings_of(char *spec)
{
    char *at = strrchr(spec, '@');
    if (!at || at[1 + strspn(at + 1, "0123456789.,-+abcdefghijklmnopqrstuvwxyz")])
        return NULL;
    return at;
}

/* LABEL@Q|ENCODE|DECODE; `spec` is ours to cut. */
static nenc_status open_template(nenc_eval_codec *c, char *spec, char *bar,
                                 nenc_arena *arena, nenc_diag *diag)
{
    char *second = strchr(bar + 1, '|');
    *bar = 0;
    char *q = settings_of(spec);
    if (!second || !q || q == spec)
        return nenc_fail(diag, NENC_EINVAL,
                         "'%s|...': expected LABEL@Q,Q,...|ENCODE|DECODE", spec);
    *second = *q = 0;
    c->label = spec;
    c->about = c->encode = bar + 1;
    c->decode = second + 1;
    return split_q(c, q + 1, arena, diag);
}

/* Of our encoder's options, the one that our decoder needs, too.
 * @return its size; 0 = it is not there */
static size_t model_option(const char **at, const char *options)
{
    for (*at = options; **at; *at += strspn(*at, " \t")) {
        const size_t n = strcspn(*at, " \t");
        if (!strncmp(*at, "--model", 7))
            return n;
        *at += n;
    }
    return 0;
}

/* The decoding command, whose {options} are some of the encoder's. */
static nenc_status choose_decoder(nenc_eval_codec *c, const char *decode,
                                  nenc_arena *arena, nenc_diag *diag)
{
    char text[5000];
    const char *mark = strstr(decode, "{options}"), *model = "";
    c->decode = decode;
    if (!mark)
        return NENC_OK;
    const size_t size = c->options ? model_option(&model, c->options) : 0;
    if (size && (size < 9 || model[7] != '=' || memchr(model, '\'', size)
                 || memchr(model, '"', size)))
        return nenc_fail(diag, NENC_EINVAL, "%s: a model is named as in "
                         "--model=FILE, without quotes", c->label);
    const int n = snprintf(text, sizeof text, "%.*s%.*s%s",
                           (int)(mark - decode), decode, (int)size, model,
                           mark + strlen("{options}"));
    if (n < 0 || n >= (int)sizeof text)
        return nenc_fail(diag, NENC_EINVAL, "%s: too long a name", c->label);
    c->decode = nenc_arena_strdup(arena, text, (size_t)n);
    return c->decode ? NENC_OK : no_memory(diag);
}

/* [LABEL=]NAME[:OPTIONS][@Q,Q,...]; `spec` is ours to cut. */
static nenc_status open_named(nenc_eval_codec *c, char *spec,
                              nenc_eval_media media, nenc_arena *arena,
                              nenc_diag *diag)
{
    const size_t head = strcspn(spec, ":@");
    char *equals = memchr(spec, '=', head);
    char *name = equals ? equals + 1 : spec;
    char *q = settings_of(spec);
    char *colon = strchr(spec, ':');
    c->label = spec;
    if (q)
        *q = 0;
    if (colon)
        *colon = 0;
    const nenc_peer *peer = peer_named(name, media);
    if (!peer)
        return nenc_fail(diag, NENC_EINVAL, "there is no %s codec '%s' (see "
                         "'neval codecs')", media == NENC_EVAL_PICTURE
                         ? "picture" : "sound", name);
    if (equals)
        *equals = 0;
    else if (colon)
        *colon = ':';     /* no label given: all but the settings is one */
    c->options = colon ? nenc_arena_strdup(arena, colon + 1, strlen(colon + 1))
                       : NULL;
    if (colon && !c->options)
        return no_memory(diag);
    c->encode = peer->encode;
    c->about = peer->about;
    if (!*c->label)
        return nenc_fail(diag, NENC_EINVAL, "a codec with an empty label");
    if (c->options && !strstr(c->encode, "{options}"))
        return nenc_fail(diag, NENC_EINVAL, "%s takes no options", peer->name);
    NENC_TRY(choose_decoder(c, peer->decode, arena, diag));
    return split_q(c, q ? q + 1 : peer->q, arena, diag);
}

/* @return the program's path; NULL and why_not where there is none */
static const char *find_program(nenc_eval_codec *c, const char *text,
                                const char *folder, nenc_arena *arena)
{
    char name[256], why[320];
    if (!nenc_command_program(text, name)) {
        c->why_not = "an empty command";
        return NULL;
    }
    const bool is_ours = !strcmp(name, "nenc") || !strcmp(name, "ndec");
    const char *path = nenc_command_find(name, is_ours ? folder : NULL, arena);
    if (!path) {
        const int n = snprintf(why, sizeof why, "%s is not installed", name);
        c->why_not = nenc_arena_strdup(arena, why, (size_t)n);
    }
    return path;
}

static bool names_kinds(const nenc_eval_codec *c)
{
    char kind[16];
    return nenc_command_kind(c->encode, "in", kind)
        && nenc_command_kind(c->encode, "coded", kind)
        && nenc_command_kind(c->decode, "coded", kind)
        && nenc_command_kind(c->decode, "out", kind);
}

/* Whether working copies of the kind it reads can be made. */
static bool reads_a_kind(const nenc_eval_codec *c, nenc_eval_media media)
{
    char kind[16], path[20];
    if (!nenc_command_kind(c->encode, "in", kind))
        return false;
    if (media == NENC_EVAL_SOUND)
        return !strcmp(kind, "wav") || !strcmp(kind, "flac");
    snprintf(path, sizeof path, "x.%s", kind);
    const nenc_media_format *f = nenc_media_by_suffix(path);
    return f && f->write;
}

/* Mistakes are found before anything is run. */
static nenc_status check_templates(const nenc_eval_codec *c,
                                   nenc_eval_media media, nenc_arena *arena,
                                   nenc_diag *diag)
{
    const nenc_command_values some = {
        .in = "in", .coded = "coded", .out = "out", .q = "1",
        .options = c->options, .width = media == NENC_EVAL_PICTURE,
        .height = media == NENC_EVAL_PICTURE, .rate = media == NENC_EVAL_SOUND,
    };
    nenc_diag why = { NENC_OK, "" };
    char **argv;
    if (!names_kinds(c))
        return nenc_fail(diag, NENC_EINVAL, "%s: an encoding command needs "
                         "{in.KIND} and {coded.KIND}, a decoding one "
                         "{coded.KIND} and {out.KIND}", c->label);
    if (!reads_a_kind(c, media))
        return nenc_fail(diag, NENC_EINVAL, "%s: no files of the kind of {in.} "
                         "are written here", c->label);
    nenc_status st = nenc_command_expand(&argv, c->encode, &some, arena, &why);
    if (st >= 0)
        st = nenc_command_expand(&argv, c->decode, &some, arena, &why);
    return st < 0 ? nenc_fail(diag, st, "%s: %s", c->label, why.text) : st;
}

nenc_status nenc_eval_codec_open(nenc_eval_codec *c, const char *spec,
                                 nenc_eval_media media, const char *folder,
                                 nenc_arena *arena, nenc_diag *diag)
{
    memset(c, 0, sizeof *c);
    char *text = nenc_arena_strdup(arena, spec, strlen(spec));
    if (!text)
        return no_memory(diag);
    char *bar = strchr(text, '|');
    NENC_TRY(bar ? open_template(c, text, bar, arena, diag)
                 : open_named(c, text, media, arena, diag));
    NENC_TRY(check_templates(c, media, arena, diag));
    c->decoder = find_program(c, c->decode, folder, arena);
    c->encoder = find_program(c, c->encode, folder, arena);
    return NENC_OK;
}
