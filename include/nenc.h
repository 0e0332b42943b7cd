/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file nenc.h
 * The one public header of libnenc, a suite of neural codecs.
 *
 * The library returns statuses; it never exits, aborts or prints.  Functions
 * that take a `nenc_diag *` accept NULL there; otherwise a failing call leaves
 * one sentence in it that says what was wrong and where.
 *
 * Threads: a nenc_model never changes after it is opened and may be shared by
 * any number of encoders and decoders; an encoder or a decoder serves one
 * thread at a time.  Every call that computes sets the default floating-point
 * environment for its duration and restores the caller's.
 */
#ifndef NENC_H
#define NENC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined NENC_BUILDING && defined __GNUC__
#define NENC_API __attribute__((visibility("default")))
#else
#define NENC_API
#endif
#ifdef __GNUC__
#define NENC_NODISCARD __attribute__((warn_unused_result))
#define NENC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define NENC_NODISCARD
#define NENC_PRINTF(f, a)
#endif

#define NENC_VERSION_MAJOR 0
#define NENC_VERSION_MINOR 1
#define NENC_VERSION_PATCH 0

/** 0 is success, positive is not an error, negative is. */
typedef enum nenc_status {
    NENC_OK = 0,
    NENC_END = 1,          /**< nothing more to read */
    NENC_EINVAL = -1,      /**< the caller's mistake */
    NENC_ENOMEM = -2,      /**< the system is out of memory */
    NENC_EIO = -3,         /**< reading or writing failed */
    NENC_ETRUNCATED = -4,  /**< the data end too early */
    NENC_EBITSTREAM = -5,  /**< the data are damaged */
    NENC_EUNSUPPORTED = -6,/**< valid, but not something this build can do */
    NENC_EMODEL = -7,      /**< missing, wrong or broken model file */
    NENC_ELIMIT = -8,      /**< over max_samples or max_memory */
    NENC_ECORRUPT_OUTPUT = -9 /**< verification of an output failed */
} nenc_status;

/** A short constant phrase for a status; never NULL. */
NENC_API const char *nenc_strerror(nenc_status status);

/** What went wrong: one sentence, no newline at its end. */
typedef struct nenc_diag {
    nenc_status status;
    char text[240];
} nenc_diag;

/** "0.1.0" */
NENC_API const char *nenc_version(void);

/** One line for bug reports: version, kernels in use, oneDNN's version. */
NENC_API const char *nenc_build_info(void);

/* ------------------------------------------------------------------ images */

/** Bytes that go along with a picture; none where size is 0. */
typedef struct nenc_blob {
    uint8_t *data;       /**< owned: nenc_blob_set() */
    size_t   size;
} nenc_blob;

/** Interleaved samples, rows from the top.  1 channel is gray, 2 are gray and
 *  alpha, 3 are R'G'B', 4 are R'G'B' and alpha.  Without a profile they are
 *  sRGB.  Alpha is straight: colours are not multiplied by it. */
typedef struct nenc_image {
    uint32_t width;      /**< pixels in a row, 1 to 2^24 */
    uint32_t height;     /**< rows, 1 to 2^24 */
    uint32_t channels;   /**< 1 to 4 */
    uint32_t bits;       /**< 8: a byte a sample, or 16: a uint16_t of this
                              machine's byte order, 0 to 65535 */
    size_t   stride;     /**< bytes from a row to the next; even for 16 bits */
    uint8_t *data;       /**< height * stride bytes */
    nenc_blob icc;       /**< the samples' ICC profile */
    nenc_blob exif;      /**< a TIFF structure ("II*" or "MM"), upright */
    nenc_blob xmp;       /**< a packet of XML */
} nenc_image;

/** Allocate `image->data` for the dimensions given, all zeros, with
 *  stride = width * channels * bits / 8 and empty blobs.
 *  @return NENC_OK, NENC_EINVAL (a dimension out of range) or NENC_ENOMEM */
NENC_API NENC_NODISCARD nenc_status nenc_image_alloc(
    nenc_image *image, uint32_t width, uint32_t height, uint32_t channels,
    uint32_t bits);

/** Free what nenc_image_alloc() or a decoder allocated, blobs included; clears
 *  the struct.  NULL is fine. */
NENC_API void nenc_image_free(nenc_image *image);

/** Put a copy of `size` bytes in place of what the blob holds; 0 empties it.
 *  @return NENC_OK or NENC_ENOMEM (nothing changed) */
NENC_API NENC_NODISCARD nenc_status nenc_blob_set(
    nenc_blob *blob, const void *data, size_t size);

/* ------------------------------------------------------------------ codecs */

/** A codec that this build has. */
typedef struct nenc_codec_info {
    const char *name;     /**< as in nenc_info and nenc_model_codec() */
    bool     builtin;     /**< needs no model file: nenc_model_builtin() */
    const char *default_model; /**< the usual name of its model file; NULL
                                    where it needs none */
    int      default_effort;   /**< see nenc_encoder_config */
    bool     resumes;     /**< encoding can be cut short and gone on with:
                               checkpoints of nenc_encoder_config */
} nenc_codec_info;

/** The i-th codec, the first being the usual one.  The texts live as long as
 *  the program.
 *  @return false past the last, `info` cleared */
NENC_API bool nenc_codec_get(nenc_codec_info *info, size_t i);

/* ------------------------------------------------------------------ models */

/** A trained model: networks, weights and tables of one codec. */
typedef struct nenc_model nenc_model;

/** Open a model file, checking all of it.
 *  @param[out] out  the model, or NULL on failure; nenc_model_close() it
 *  @return NENC_OK, NENC_EIO, NENC_EMODEL, NENC_ENOMEM, NENC_ELIMIT */
NENC_API NENC_NODISCARD nenc_status nenc_model_open(
    nenc_model **out, const char *path, nenc_diag *diag);

/** The same from memory; the bytes are not kept. */
NENC_API NENC_NODISCARD nenc_status nenc_model_open_memory(
    nenc_model **out, const void *data, size_t size, nenc_diag *diag);

/** The model of a codec that needs no file, since the networks are in each
 *  stream ("overfit").  Its id is 0.
 *  @param[out] out  the model, or NULL on failure; nenc_model_close() it
 *  @return NENC_OK, NENC_EMODEL (no such codec, or one that needs a file),
 *          NENC_ENOMEM */
NENC_API NENC_NODISCARD nenc_status nenc_model_builtin(
    nenc_model **out, const char *codec, nenc_diag *diag);

/** NULL is fine. */
NENC_API void nenc_model_close(nenc_model *model);

/** First eight bytes of the SHA-256 of the model's normative content, as the
 *  bitstream carries them (byte 0 is the most significant); 0 where the codec
 *  needs no model file. */
NENC_API uint64_t nenc_model_id(const nenc_model *model);

/** Name of the codec that runs the model ("hyperprior"). */
NENC_API const char *nenc_model_codec(const nenc_model *model);

/** A metadata string ("name", "licence", "data", "steps" ...), or NULL. */
NENC_API const char *nenc_model_metadata(const nenc_model *model,
                                        const char *key);

/* ---------------------------------------------------------------- encoding */

/** See nenc_progress_fn. */
#define NENC_HURRY 0x4859
#define NENC_SAVE 0x5341

/** Receives output in order. @return 0, or anything else to stop (NENC_EIO) */
typedef int (*nenc_write_fn)(void *user, const void *data, size_t size);

/** Called now and then with the share done, 0 to 1.
 *  @return 0; NENC_HURRY to come to an end soon, with a result that is valid but
 *          had less effort; NENC_SAVE to get a checkpoint, where the encoder's
 *          configuration asks for them, and go on; or anything else to stop
 *          (NENC_EIO) */
typedef int (*nenc_progress_fn)(void *user, double done);

typedef struct nenc_encoder_config {
    size_t   size;        /**< set by nenc_encoder_config_init() */
    double   quality;     /**< 0 (smallest) to 100 (best); default 50.  The
                               stream carries the nearest integer, and for the
                               rest symbols are chosen more or less finely */
    int      threads;     /**< 0 = one per core (default) */
    int      effort;      /**< 0 to 9, or -1 (default): the codec's own.  How
                               long latents are refined, picture by picture,
                               to cost less at the same quality; decoders
                               need not know.  0 is none; a codec that
                               cannot do with none (its default_effort is
                               over 0) takes its default */
    bool     several;     /**< nenc_encoder_write() will be called again:
                               latents are kept (some 3 bytes a pixel) */
    bool     keep_invisible; /**< code the colours of wholly transparent
                               pixels, too; else others, which cost less, take
                               their place, in a copy of the picture */
    size_t   max_memory;  /**< bytes that running networks and latents may
                               take (default 4 GiB); on top come the model,
                               whose weights are packed when first used (with
                               some effort twice more, for gradients), coded
                               units, each at most a quarter of it, and the
                               copy of the picture, if one is made */
    nenc_progress_fn progress; /**< may be NULL */
    void    *progress_user;
    nenc_write_fn checkpoint; /**< NULL, or told, in one piece, what an encode
                               that is cut short can go on from: some 20 bytes a
                               pixel of a unit.  Only with codecs that resume
                               (nenc_codec_info); called by whoever calls
                               `progress`, and stops by the same rule */
    void    *checkpoint_user;
    const void *resume;   /**< NULL, or a checkpoint of the same picture, model,
                               quality and effort by the same version of the
                               library: the stream will be the same as if
                               nothing had happened.  Borrowed until
                               nenc_encoder_close() */
    size_t   resume_size;
} nenc_encoder_config;

NENC_API void nenc_encoder_config_init_(nenc_encoder_config *cfg, size_t size);
#define nenc_encoder_config_init(cfg) \
    nenc_encoder_config_init_((cfg), sizeof *(cfg))

/** Encodes one image, at one quality or at several. */
typedef struct nenc_encoder nenc_encoder;

/** @param cfg          NULL = all defaults
 *  @param model,image  borrowed until nenc_encoder_close()
 *  @param[out] out     the encoder, or NULL on failure
 *  @return NENC_OK, NENC_EINVAL, NENC_ENOMEM, NENC_EMODEL (not an image
 *          model), NENC_ELIMIT */
NENC_API NENC_NODISCARD nenc_status nenc_encoder_open(
    nenc_encoder **out, const nenc_model *model,
    const nenc_encoder_config *cfg, const nenc_image *image, nenc_diag *diag);

/** Write a complete stream, as nenc_encode_image() does; the quality is this
 *  one and not the configuration's.  Not to be called after a failure.
 *  @return as nenc_encode_image() */
NENC_API NENC_NODISCARD nenc_status nenc_encoder_write(
    nenc_encoder *enc, double quality, nenc_write_fn write_fn, void *user,
    nenc_diag *diag);

/** SHA-256 over the symbols of the last stream, which a decoder of all of it
 *  must come to: see nenc_decoder_symbol_hash(). */
NENC_API void nenc_encoder_symbol_hash(const nenc_encoder *enc,
                                       uint8_t hash[32]);

/** NULL is fine. */
NENC_API void nenc_encoder_close(nenc_encoder *enc);

/** Encode one image to a complete .nenc stream, written as it is made: the
 *  same bytes on every machine, whatever the threads.
 *  @param cfg  NULL = all defaults
 *  @return NENC_OK, NENC_EINVAL, NENC_ENOMEM, NENC_EMODEL (not an image
 *          model), NENC_ELIMIT, NENC_EIO (write_fn or progress stopped) */
NENC_API NENC_NODISCARD nenc_status nenc_encode_image(
    const nenc_model *model, const nenc_encoder_config *cfg,
    const nenc_image *image, nenc_write_fn write_fn, void *user,
    nenc_diag *diag);

/* ---------------------------------------------------------------- decoding */

/** Supplies input. @return bytes put in `data` (0 at the end), or -1 */
typedef int64_t (*nenc_read_fn)(void *user, void *data, size_t size);

typedef struct nenc_decoder_config {
    size_t   size;        /**< set by nenc_decoder_config_init() */
    int      threads;     /**< 0 = one per core (default) */
    uint64_t max_samples; /**< refuse larger pictures (default 2^28 pixels) */
    size_t   max_memory;  /**< bytes that running networks, latents and the
                               picture may take (default 4 GiB); the model
                               comes on top, and a coded unit, at most a
                               quarter of it */
    bool     fast;        /**< synthesis on oneDNN: not bit-exact samples */
    bool     lenient;     /**< make up for units that are lost or damaged:
                               see nenc_decoder_lost() */
    uint32_t crop_x, crop_y, crop_width, crop_height;
                          /**< decode this part only, with no more than it
                               needs; 0x0 (default) = all */
    bool     preview;     /**< in place of the picture, one of an eighth of its
                               width and height, rounded up, colours without
                               transparency: made in a fraction of the time,
                               for looking at.  Not with a crop */
    nenc_progress_fn progress; /**< may be NULL */
    void    *progress_user;
} nenc_decoder_config;

NENC_API void nenc_decoder_config_init_(nenc_decoder_config *cfg, size_t size);
#define nenc_decoder_config_init(cfg) \
    nenc_decoder_config_init_((cfg), sizeof *(cfg))

/** What a stream's header says. */
typedef struct nenc_info {
    char     codec[16];   /**< "hyperprior" */
    uint64_t model_id;    /**< see nenc_model_id() */
    uint32_t width, height, channels, bits;
    uint32_t unit_width, unit_height; /**< tiling; equal to the picture's
                                           dimensions when one unit holds it */
    uint32_t n_units;
    int      quality;
    unsigned version;     /**< of the format */
    bool     builtin;     /**< no model file is needed (model_id is 0):
                               nenc_model_builtin() makes the model */
} nenc_info;

/** One decoder reads one stream. */
typedef struct nenc_decoder nenc_decoder;

/** Read a stream's header.  The usual order of calls:
 *
 *      nenc_decoder_open(&dec, NULL, my_read, my_file, &diag);
 *      nenc_decoder_info(dec, &info);           // which model does it need?
 *      if (info.builtin)
 *          nenc_model_builtin(&model, info.codec, &diag);
 *      else
 *          nenc_model_open(&model, path_of(info.model_id), &diag);
 *      nenc_decoder_decode(dec, model, &image, &diag);
 *      nenc_decoder_close(dec);
 *
 *  @param[out] out  the decoder, or NULL on failure; nenc_decoder_close() it
 *  @return NENC_OK, NENC_EINVAL, NENC_EIO, NENC_ETRUNCATED, NENC_EBITSTREAM
 *          (not a .nenc stream, or damaged), NENC_EUNSUPPORTED, NENC_ELIMIT */
NENC_API NENC_NODISCARD nenc_status nenc_decoder_open(
    nenc_decoder **out, const nenc_decoder_config *cfg, nenc_read_fn read_fn,
    void *user, nenc_diag *diag);

/** @param[out] info  what the header says */
NENC_API void nenc_decoder_info(const nenc_decoder *dec, nenc_info *info);

/** Decode all units into a newly allocated picture, once per decoder.
 *  @param model        borrowed for the call
 *  @param[out] image   nenc_image_free() it; cleared on failure
 *  @return as nenc_decoder_open(), or NENC_EMODEL (not the stream's model);
 *          NENC_EUNSUPPORTED also for a model without previews */
NENC_API NENC_NODISCARD nenc_status nenc_decoder_decode(
    nenc_decoder *dec, const nenc_model *model, nenc_image *image,
    nenc_diag *diag);

/** Units that were made up for, after a lenient decode: 0 = the picture is
 *  as it should be. */
NENC_API uint32_t nenc_decoder_lost(const nenc_decoder *dec);

/** NULL is fine. */
NENC_API void nenc_decoder_close(nenc_decoder *dec);

/** SHA-256 over the symbols of all units decoded so far, before synthesis
 *  (conformance: equal symbols, whatever backend made the samples). */
NENC_API void nenc_decoder_symbol_hash(const nenc_decoder *dec,
                                       uint8_t hash[32]);

#ifdef __cplusplus
}
#endif
#endif
