# SPDX-License-Identifier: BSD-2-Clause
transforms_sources =
transforms_avx2_sources =
transforms_avx512_sources =

# The exact backend.  exact_neon.c is empty but on arm64.
transforms_sources += \
	transforms/exact_conv.c transforms/exact_conv.h \
	transforms/exact_kernels.c transforms/exact_kernels.h \
	transforms/exact_math.h transforms/exact_math.inc.h \
	transforms/exact_neon.c transforms/exact_portable.c \
	transforms/exact_sum.h \
	transforms/exact_tables.h transforms/exact_vec.inc.h \
	transforms/vec_avx2.h transforms/vec_avx512.h \
	transforms/vec_neon.h transforms/vec_portable.h
transforms_avx2_sources += transforms/exact_avx2.c
transforms_avx512_sources += transforms/exact_avx512.c

# Networks as data.
transforms_sources += \
	transforms/net.h transforms/net_attend.h transforms/net_internal.h \
	transforms/net_layer_attend.c transforms/net_layer_norm.c \
	transforms/net_layer_resize.c \
	transforms/net_layer_conv.c transforms/net_layer_move.c \
	transforms/net_layer_point.c transforms/net_move.c \
	transforms/net_fuse.c transforms/net_pack.c \
	transforms/net_plan.c transforms/net_plan.h transforms/net_reach.c transforms/net_text.c

# Gradients.
transforms_sources += \
	transforms/grad.h transforms/grad_attend.c transforms/grad_conv.c \
	transforms/grad_internal.h transforms/grad_norm.c \
	transforms/grad_params.c transforms/grad_plan.c \
	transforms/grad_point.c transforms/grad_resize.c transforms/grad_run.c

# Model files, and oneDNN.
transforms_sources += \
	transforms/float16.c transforms/float16.h \
	transforms/onednn.c transforms/onednn.h \
	transforms/safetensors.c transforms/safetensors.h

# Training.
transforms_sources += \
	transforms/loss.c transforms/loss.h \
	transforms/optim.c transforms/optim.h \
	transforms/soap.c transforms/soap.h
