# SPDX-License-Identifier: BSD-2-Clause
# Measuring codecs: metrics, curves, other people's codecs, reports.
eval_sources = \
	eval/cache.c eval/cache.h \
	eval/command.c eval/command.h \
	eval/curve.c eval/curve.h \
	eval/file.c eval/file.h \
	eval/outside.c eval/outside.h \
	eval/peers.c eval/peers.h \
	eval/picture_file.c eval/picture_file.h \
	eval/process.c eval/process.h \
	eval/report.c eval/report.h eval/report_page.c eval/report_views.c \
	eval/run.c eval/run.h \
	eval/sound_metrics.c eval/sound_metrics.h \
	eval/source.c eval/source.h \
	eval/spectrum.c eval/spectrum.h eval/stoi.c \
	eval/table.c eval/table.h eval/table_read.c

# The page goes into the program.
report_files = \
	$(srcdir)/eval/report/page.html $(srcdir)/eval/report/page.css \
	$(srcdir)/eval/report/page.js $(srcdir)/eval/report/curves.js \
	$(srcdir)/eval/report/viewer.js $(srcdir)/eval/report/sound.js \
	$(srcdir)/eval/report/uPlot.iife.min.js \
	$(srcdir)/eval/report/uPlot.min.css $(srcdir)/eval/report/uPlot.LICENSE
eval/report_files.c: $(srcdir)/eval/embed.sh $(report_files)
	@$(MKDIR_P) eval
	$(AM_V_GEN)$(SHELL) $(srcdir)/eval/embed.sh $(report_files) >$@.tmp
	@mv $@.tmp $@
CLEANFILES += eval/report_files.c
EXTRA_DIST += eval/embed.sh eval/report
