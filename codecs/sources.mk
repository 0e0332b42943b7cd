# SPDX-License-Identifier: BSD-2-Clause
codecs_avx2_sources = codecs/overfit/context_avx2.c \
	codecs/overfit/kernels_avx2.c
codecs_avx512_sources = codecs/overfit/context_avx512.c \
	codecs/overfit/kernels_avx512.c
codecs_sources = \
	codecs/codec.h \
	codecs/container.c codecs/container.h \
	codecs/decode.c codecs/encode.c \
	codecs/hyperprior.c codecs/hyperprior.h \
	codecs/hyperprior_build.c codecs/hyperprior_build.h \
	codecs/hyperprior_context.c codecs/hyperprior_unit.c \
	codecs/hyperprior_decode.c codecs/hyperprior_encode.c \
	codecs/hyperprior_export.c codecs/hyperprior_fit.c \
	codecs/hyperprior_import.c \
	codecs/hyperprior_refine.c codecs/hyperprior_refine.h \
	codecs/hyperprior_train.c codecs/hyperprior_train.h \
	codecs/image.c \
	codecs/invisible.c codecs/invisible.h \
	codecs/overfit/codec_overfit.c codecs/overfit/codec_overfit.h \
	codecs/overfit/context.c codecs/overfit/context.h \
	codecs/overfit/context_kernels.h codecs/overfit/context_kernels.inc.h \
	codecs/overfit/context_portable.c \
	codecs/overfit/decode.c codecs/overfit/encode.c \
	codecs/overfit/fit.c codecs/overfit/fit.h \
	codecs/overfit/kernels.c codecs/overfit/kernels.h \
	codecs/overfit/kernels.inc.h codecs/overfit/kernels_neon.c \
	codecs/overfit/kernels_portable.c codecs/overfit/points.inc.h \
	codecs/overfit/mixer.c codecs/overfit/mixer.h \
	codecs/overfit/overfit.h codecs/overfit/plane.h \
	codecs/overfit/paint.c codecs/overfit/paint.h \
	codecs/overfit/paint_internal.h codecs/overfit/paint_synth.c \
	codecs/overfit/paint_up.c \
	codecs/overfit/params.c codecs/overfit/params.h \
	codecs/overfit/quantise.c codecs/overfit/quantise.h \
	codecs/overfit/rate.c codecs/overfit/rate.h \
	codecs/overfit/search.c codecs/overfit/search.h \
	codecs/overfit/shape.c \
	codecs/overfit/tables.c codecs/overfit/tables.h \
	codecs/overfit/unit.c codecs/overfit/unit.h \
	codecs/plane.c codecs/plane.h \
	codecs/model.c codecs/model.h \
	codecs/registry.c \
	codecs/train.h
