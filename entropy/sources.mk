# SPDX-License-Identifier: BSD-2-Clause
entropy_sources = \
	entropy/cdf.c entropy/cdf.h \
	entropy/escape.h \
	entropy/prob_grad.c entropy/prob_grad.h \
	entropy/prob_model.c entropy/prob_model.h \
	entropy/range_coder.c entropy/range_coder.h
