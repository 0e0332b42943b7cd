# SPDX-License-Identifier: BSD-2-Clause
# nenc and ndec link $(app_ldadd), the library as others see it; a tool that
# needs internals links $(app_internal_ldadd).

app_sources = \
	apps/app_batch.c apps/app_batch.h apps/app_files.c apps/app_files.h \
	apps/app_input.c apps/app_input.h apps/app_model.c apps/app_model.h \
	apps/app_names.c apps/app_names.h apps/app_options.c \
	apps/app_options.h apps/app_output.c apps/app_output.h \
	apps/app_report.c apps/app_report.h

bin_PROGRAMS += nenc ndec
nenc_SOURCES = apps/nenc.c apps/nenc_check.c apps/nenc_check.h \
	apps/nenc_checkpoint.c apps/nenc_checkpoint.h \
	apps/nenc_target.c apps/nenc_target.h $(app_sources)
nenc_LDADD = libmetrics.la $(app_ldadd)
ndec_SOURCES = apps/ndec.c $(app_sources)
ndec_LDADD = $(app_ldadd)

bin_PROGRAMS += nmodel
nmodel_SOURCES = apps/nmodel.c $(app_sources)
nmodel_LDADD = $(app_internal_ldadd)

bin_PROGRAMS += neval
neval_SOURCES = apps/neval.c apps/neval.h apps/neval_items.c \
	apps/neval_items.h apps/neval_measure.c $(app_sources)
neval_LDADD = libeval.la $(app_ldadd)

bin_PROGRAMS += ntrain
ntrain_SOURCES = apps/ntrain.c apps/ntrain.h apps/ntrain_data.c \
	apps/ntrain_report.c apps/ntrain_run.c apps/ntrain_state.c $(app_sources)
ntrain_LDADD = libeval.la $(app_internal_ldadd)
