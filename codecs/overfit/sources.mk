# SPDX-License-Identifier: BSD-2-Clause
# The overfitted codec.
codecs_avx2_sources = \
	codecs/overfit/overfit_context_avx2.c \
	codecs/overfit/overfit_kernels_avx2.c
codecs_avx512_sources = \
	codecs/overfit/overfit_context_avx512.c \
	codecs/overfit/overfit_kernels_avx512.c
codecs_sources += \
	codecs/overfit/overfit.h codecs/overfit/overfit_codec.c \
	codecs/overfit/overfit_codec.h codecs/overfit/overfit_context.c \
	codecs/overfit/overfit_context.h \
	codecs/overfit/overfit_context_kernels.h \
	codecs/overfit/overfit_context_kernels.inc.h \
	codecs/overfit/overfit_context_portable.c \
	codecs/overfit/overfit_decode.c codecs/overfit/overfit_encode.c \
	codecs/overfit/overfit_fit.c codecs/overfit/overfit_fit.h \
	codecs/overfit/overfit_kernels.c codecs/overfit/overfit_kernels.h \
	codecs/overfit/overfit_kernels.inc.h \
	codecs/overfit/overfit_kernels_neon.c \
	codecs/overfit/overfit_kernels_portable.c codecs/overfit/overfit_math.h \
	codecs/overfit/overfit_mixer.c codecs/overfit/overfit_mixer.h \
	codecs/overfit/overfit_paint.c codecs/overfit/overfit_paint.h \
	codecs/overfit/overfit_paint_internal.h \
	codecs/overfit/overfit_paint_synth.c codecs/overfit/overfit_paint_up.c \
	codecs/overfit/overfit_params.c codecs/overfit/overfit_params.h \
	codecs/overfit/overfit_plane.h codecs/overfit/overfit_points.inc.h \
	codecs/overfit/overfit_quantise.c codecs/overfit/overfit_quantise.h \
	codecs/overfit/overfit_rate.c codecs/overfit/overfit_rate.h \
	codecs/overfit/overfit_search.c codecs/overfit/overfit_search.h \
	codecs/overfit/overfit_shape.c codecs/overfit/overfit_start.c \
	codecs/overfit/overfit_start.h \
	codecs/overfit/overfit_start_lop.inc.h \
	codecs/overfit/overfit_start_mop.inc.h \
	codecs/overfit/overfit_start_hop.inc.h codecs/overfit/overfit_tables.c \
	codecs/overfit/overfit_tables.h codecs/overfit/overfit_unit.c \
	codecs/overfit/overfit_unit.h
