# SPDX-License-Identifier: BSD-2-Clause
# Picture and sound files.  Without libpng or libjpeg their files are nearly
# empty.
media_sources = \
	media/media.c media/media.h media/media_formats.h \
	media/media_jpeg.c media/media_orient.c media/media_png.c \
	media/media_pnm.c media/sound.c media/sound.h
