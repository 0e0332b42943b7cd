/* SPDX-License-Identifier: BSD-2-Clause */
/* PNG by libpng.  Gray and palette pictures of fewer bits become 8-bit, a
 * transparent colour becomes alpha.
 * Not here: chunks beside the samples (media_png_meta.c), animation. */
#include "media_png.h"

bool nenc_png_probe(const uint8_t *data, size_t size)
{
    return size >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8);
}

#ifdef HAVE_PNG
#include <png.h>

#include "mem.h"

/* Measured on six Kodak pictures: level 2 with these two filters takes 20 ms
 * and 677 KB each, level 6 with all filters 104 ms and 680 KB. */
enum { ZLIB_LEVEL = 2, FILTERS = PNG_FILTER_SUB | PNG_FILTER_UP };

typedef struct png_reader {
    png_structp png;
    png_infop info;
    nenc_bytes in;
    const nenc_media_source *src;
    nenc_image *image;
    nenc_media_facts *facts;
    nenc_diag *diag;
    nenc_status status;
    bool has_rows;               /* reading them has begun */
    bool no_memory;
} png_reader;

/* libpng has many words for it, so its allocations are watched. */
static png_voidp on_alloc(png_structp png, png_alloc_size_t size)
{
    bool *no_memory = png_get_mem_ptr(png);
    void *block = nenc_mem_alloc(size, 1);
    *no_memory |= !block;
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    (void)png;
    nenc_mem_free(block);
}

static void on_read_error(png_structp png, png_const_charp text)
{
    png_reader *r = png_get_error_ptr(png);
    if (r->no_memory)
        r->status = nenc_fail(r->diag, NENC_ENOMEM,
                              "out of memory for a PNG file");
    else if (r->src->lenient && r->has_rows)
        r->facts->is_truncated = true;
    else if (r->status >= 0)
        r->status = r->in.failed
            ? nenc_fail(r->diag, NENC_ETRUNCATED,
                        "the PNG file ends too early, after %zu bytes",
                        r->in.size)
            : nenc_fail(r->diag, NENC_EBITSTREAM,
                        "damaged PNG file: %s, before byte %zu", text,
                        r->in.at);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep dst, size_t size)
{
    png_reader *r = png_get_io_ptr(png);
    const uint8_t *p = nenc_bytes_get(&r->in, size);
    if (!p)
        png_error(png, "end of file");
    memcpy(dst, p, size);
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first;
}

static void set_facts(png_reader *r)
{
    const int type = png_get_color_type(r->png, r->info);
    const bool has_key = r->facts->has_alpha;            /* of some kind */
    r->facts->bits = png_get_bit_depth(r->png, r->info);
    r->facts->has_palette = type == PNG_COLOR_TYPE_PALETTE;
    r->facts->has_alpha = (type & PNG_COLOR_MASK_ALPHA)
        || png_get_valid(r->png, r->info, PNG_INFO_tRNS);
    if (has_key && !r->facts->has_alpha)
        nenc_media_note(r->facts,
                        "its transparent colour is damaged and left out");
}

static nenc_status read_header(png_reader *r)
{
    /* All chunks but those that make the samples are passed over, and no bad
     * checksum is forgiven: a lost tRNS would be a lost transparency. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(r->png, 1 << 24, 1 << 24);
    png_set_chunk_cache_max(r->png, 16);
    png_set_chunk_malloc_max(r->png, 1 << 20);
    png_read_info(r->png, r->info);
    set_facts(r);
    NENC_TRY(nenc_media_check_size(png_get_image_width(r->png, r->info),
                                   png_get_image_height(r->png, r->info),
                                   r->src->max_pixels, r->diag));
    png_set_expand(r->png);
    if (is_little_endian())
        png_set_swap(r->png);
    return NENC_OK;
}

static nenc_status read_picture(png_reader *r)
{
    NENC_TRY(read_header(r));
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    NENC_TRY(nenc_media_alloc(
        r->image, png_get_image_width(r->png, r->info),
        png_get_image_height(r->png, r->info),
        png_get_channels(r->png, r->info),
        png_get_bit_depth(r->png, r->info), r->src->max_pixels, r->diag));
    if (png_get_rowbytes(r->png, r->info) != r->image->stride)
        return nenc_fail(r->diag, NENC_EUNSUPPORTED, "an unusual kind of PNG");
    r->has_rows = true;
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < r->image->height; y++)
            png_read_row(r->png, r->image->data + y * r->image->stride, NULL);
    png_read_end(r->png, NULL);
    return NENC_OK;
}

/* libpng's errors come back here.  No local variables: longjmp spoils them. */
static nenc_status read_guarded(png_reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->status;
    return read_picture(r);
}

nenc_status nenc_png_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag)
{
    png_reader r = { .src = src, .image = image, .facts = facts,
                     .diag = diag };
    uint32_t gamma = 0;
    nenc_bytes_init(&r.in, src->data, src->size);
    NENC_TRY(nenc_png_scan(image, facts, &gamma, src, diag));
    r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r, on_read_error,
                                     on_warning, &r.no_memory, on_alloc,
                                     on_free);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info) {
        png_destroy_read_struct(&r.png, NULL, NULL);
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    }
    png_set_read_fn(r.png, &r, on_read);
    nenc_status st = read_guarded(&r);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (st >= 0 && gamma)
        st = nenc_png_to_srgb(image, gamma, diag);
    return st;
}

typedef struct png_writer {
    png_structp png;
    png_infop info;
    const nenc_image *image;
    nenc_write_fn write;
    void *user;
    nenc_diag *diag;
    nenc_status status;
    bool no_memory;
    nenc_buffer chunk;
} png_writer;

static void on_write_error(png_structp png, png_const_charp text)
{
    png_writer *w = png_get_error_ptr(png);
    if (w->status >= 0)
        w->status = nenc_fail(w->diag, w->no_memory ? NENC_ENOMEM
                                                    : NENC_EUNSUPPORTED,
                              "writing PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_write(png_structp png, png_bytep data, size_t size)
{
    png_writer *w = png_get_io_ptr(png);
    if (w->write(w->user, data, size)) {
        w->status = nenc_fail(w->diag, NENC_EIO, "writing failed");
        png_error(png, "writing failed");
    }
}

static void on_flush(png_structp png)
{
    (void)png;
}

static nenc_status write_chunk(png_writer *w, const char *name)
{
    w->chunk.size = 0;
    NENC_TRY(nenc_png_pack(&w->chunk, name, w->image, w->diag));
    if (w->chunk.size)
        png_write_chunk(w->png, (png_const_bytep)name, w->chunk.data,
                        w->chunk.size);
    return NENC_OK;
}

static nenc_status write_picture(png_writer *w)
{
    static const int types[] = { PNG_COLOR_TYPE_GRAY,
                                 PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA };
    const nenc_image *image = w->image;
    png_set_user_limits(w->png, 1 << 24, 1 << 24);
    png_set_IHDR(w->png, w->info, image->width, image->height,
                 (int)image->bits, types[image->channels - 1],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(w->png, ZLIB_LEVEL);
    png_set_filter(w->png, PNG_FILTER_TYPE_BASE, FILTERS);
    png_write_info(w->png, w->info);
    NENC_TRY(write_chunk(w, "iCCP"));
    NENC_TRY(write_chunk(w, "eXIf"));
    NENC_TRY(write_chunk(w, "iTXt"));
    if (image->bits == 16 && is_little_endian())
        png_set_swap(w->png);
    for (uint32_t y = 0; y < image->height; y++)
        png_write_row(w->png, image->data + y * image->stride);
    png_write_end(w->png, w->info);
    return NENC_OK;
}

static nenc_status write_guarded(png_writer *w)
{
    if (setjmp(png_jmpbuf(w->png)))
        return w->status;
    return write_picture(w);
}

nenc_status nenc_png_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    png_writer w = { .image = image, .write = write, .user = user,
                     .diag = diag };
    w.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &w,
                                      on_write_error, on_warning,
                                      &w.no_memory, on_alloc, on_free);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    if (!w.info) {
        png_destroy_write_struct(&w.png, NULL);
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    }
    nenc_buffer_init(&w.chunk, (size_t)-1 / 2);
    png_set_write_fn(w.png, &w, on_write, on_flush);
    const nenc_status st = write_guarded(&w);
    png_destroy_write_struct(&w.png, &w.info);
    nenc_buffer_free(&w.chunk);
    return st;
}
#endif
