# SPDX-License-Identifier: BSD-2-Clause
# Measuring programs, benches and fuzz targets.

noinst_PROGRAMS += metrics convert
metrics_SOURCES = conformance/metrics.c
metrics_LDADD = libeval.la $(app_internal_ldadd)
convert_SOURCES = conformance/convert.c
convert_LDADD = libeval.la $(app_internal_ldadd)

# Codecs without a container, for tools, fuzz targets and tests.
unit_store_sources = conformance/unit_store.c conformance/unit_store.h

# What a model makes of a picture, for tests/compare_torch.py.
noinst_PROGRAMS += dump
dump_SOURCES = conformance/dump.c $(unit_store_sources)
dump_LDADD = libeval.la $(app_internal_ldadd)

# What training computes in C, for tests/compare_grad_torch.py ...
noinst_PROGRAMS += dump_grad
dump_grad_SOURCES = conformance/dump_grad.c
dump_grad_LDADD = $(app_internal_ldadd)

# ... compare_nets_torch.py and compare_train_torch.py
tensor_file_sources = conformance/tensor_file.c conformance/tensor_file.h
noinst_PROGRAMS += dump_net dump_train
dump_net_SOURCES = conformance/dump_net.c $(tensor_file_sources)
dump_net_LDADD = $(app_internal_ldadd)
dump_train_SOURCES = conformance/dump_train.c $(tensor_file_sources)
dump_train_LDADD = $(app_internal_ldadd)

# How the overfitted codec gets on with a picture.
noinst_PROGRAMS += fit_picture
fit_picture_SOURCES = conformance/fit_picture.c
fit_picture_LDADD = libeval.la $(app_internal_ldadd)

# What networks compute on this machine, for exactness.sh.
made_net_sources = conformance/made_net.c conformance/made_net.h
noinst_PROGRAMS += hash_nets
hash_nets_SOURCES = conformance/hash_nets.c $(made_net_sources)
hash_nets_LDADD = $(app_internal_ldadd)

# `make bench` builds and runs these.
bench_programs += conformance/bench_conv
conformance_bench_conv_SOURCES = conformance/bench_conv.c \
	conformance/bench_onednn.c conformance/bench_onednn.h \
	conformance/bench_peak.c conformance/bench_peak.h
conformance_bench_conv_LDADD = $(app_internal_ldadd) $(ONEDNN_LIBS)

bench_programs += conformance/bench_entropy
conformance_bench_entropy_SOURCES = conformance/bench_entropy.c
conformance_bench_entropy_LDADD = $(app_internal_ldadd)

bench_programs += conformance/bench_decode
conformance_bench_decode_SOURCES = conformance/bench_decode.c \
	conformance/bench_peak.c conformance/bench_peak.h
conformance_bench_decode_LDADD = libeval.la $(app_internal_ldadd)

bench_programs += conformance/bench_overfit
conformance_bench_overfit_SOURCES = conformance/bench_overfit.c \
	conformance/bench_peak.c conformance/bench_peak.h
conformance_bench_overfit_LDADD = $(app_internal_ldadd)

bench_programs += conformance/bench_train
conformance_bench_train_SOURCES = conformance/bench_train.c \
	conformance/bench_peak.c conformance/bench_peak.h $(tensor_file_sources)
conformance_bench_train_LDADD = $(app_internal_ldadd)
bench_scripts += conformance/bench_train.sh
EXTRA_DIST += conformance/bench_train_torch.py

# Fuzz targets.  With --enable-fuzzing they are libFuzzer programs; else
# `make check` runs each fuzz_x over conformance/corpus/x/.
fuzz_sources = conformance/fuzz.h
if !FUZZING
fuzz_sources += conformance/fuzz_main.c
endif
EXTRA_DIST += conformance/corpus

fuzz_programs += conformance/fuzz_checkpoint
conformance_fuzz_checkpoint_SOURCES = conformance/fuzz_checkpoint.c \
	$(fuzz_sources)
conformance_fuzz_checkpoint_LDADD = $(app_internal_ldadd)
conformance_fuzz_checkpoint_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_programs += conformance/fuzz_media
conformance_fuzz_media_SOURCES = conformance/fuzz_media.c $(fuzz_sources)
conformance_fuzz_media_LDADD = $(app_internal_ldadd)
conformance_fuzz_media_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_programs += conformance/fuzz_model
conformance_fuzz_model_SOURCES = conformance/fuzz_model.c $(fuzz_sources) \
	$(unit_store_sources)
conformance_fuzz_model_LDADD = $(app_internal_ldadd)
conformance_fuzz_model_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_programs += conformance/fuzz_net
conformance_fuzz_net_SOURCES = conformance/fuzz_net.c $(made_net_sources) \
	$(fuzz_sources)
conformance_fuzz_net_LDADD = $(app_internal_ldadd)
conformance_fuzz_net_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_programs += conformance/fuzz_safetensors
conformance_fuzz_safetensors_SOURCES = conformance/fuzz_safetensors.c \
	$(fuzz_sources)
conformance_fuzz_safetensors_LDADD = $(app_internal_ldadd)
conformance_fuzz_safetensors_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_programs += conformance/fuzz_stream
conformance_fuzz_stream_SOURCES = conformance/fuzz_stream.c $(fuzz_sources) \
	$(toy_sources)
conformance_fuzz_stream_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests
conformance_fuzz_stream_LDADD = $(app_internal_ldadd)
conformance_fuzz_stream_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

fuzz_programs += conformance/fuzz_table
conformance_fuzz_table_SOURCES = conformance/fuzz_table.c $(fuzz_sources)
conformance_fuzz_table_LDADD = libeval.la $(app_internal_ldadd)
conformance_fuzz_table_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

# Do streams decode to their checksums, do models keep their curves?
conformance_programs = nenc ndec neval convert
conformance: $(conformance_programs)
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/conformance/exactness.sh
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/conformance/curves.sh
.PHONY: conformance
