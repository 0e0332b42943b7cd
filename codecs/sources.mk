# SPDX-License-Identifier: BSD-2-Clause
codecs_sources = \
	codecs/codec.h \
	codecs/checkpoint.c codecs/checkpoint.h \
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
	codecs/plane.c codecs/plane.h \
	codecs/model.c codecs/model.h \
	codecs/registry.c \
	codecs/train.h
