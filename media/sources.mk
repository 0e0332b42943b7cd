# SPDX-License-Identifier: BSD-2-Clause
# Picture and sound files.  Without a library its files are nearly empty.
media_sources = \
	media/media.c media/media.h media/media_formats.h \
	media/media_cmyk.c \
	media/media_jpeg.c media/media_jpeg.h media/media_jpeg_meta.c \
	media/media_meta.c media/media_orient.c \
	media/media_png.c media/media_png.h media/media_png_meta.c \
	media/media_pnm.c media/media_pnm_write.c \
	media/media_tiff.c media/media_tiff.h media/media_tiff_check.c \
	media/media_webp.c \
	media/sound.c media/sound.h
