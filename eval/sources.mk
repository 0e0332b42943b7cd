# SPDX-License-Identifier: BSD-2-Clause
# Measuring codecs: metrics, curves, other people's codecs, reports.
eval_sources = \
	eval/picture_file.c eval/picture_file.h \
	eval/picture_metrics.c eval/picture_metrics.h
