# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: one program per module, linked with everything and cmocka.

check_PROGRAMS += tests/test_picture_metrics
tests_test_picture_metrics_SOURCES = tests/test_picture_metrics.c
tests_test_picture_metrics_LDADD = libeval.la $(LDADD)

check_PROGRAMS += tests/test_sound_metrics
tests_test_sound_metrics_SOURCES = tests/test_sound_metrics.c
tests_test_sound_metrics_LDADD = libeval.la $(LDADD)

check_PROGRAMS += tests/test_curve
tests_test_curve_SOURCES = tests/test_curve.c
tests_test_curve_LDADD = libeval.la $(LDADD)

check_PROGRAMS += tests/test_table tests/test_command
tests_test_table_SOURCES = tests/test_table.c
tests_test_table_LDADD = libeval.la $(LDADD)
tests_test_command_SOURCES = tests/test_command.c
tests_test_command_LDADD = libeval.la $(LDADD)

check_PROGRAMS += tests/test_kernels tests/test_exact_conv
tests_test_kernels_SOURCES = tests/test_kernels.c
tests_test_exact_conv_SOURCES = tests/test_exact_conv.c

check_PROGRAMS += tests/test_float16
tests_test_float16_SOURCES = tests/test_float16.c

check_PROGRAMS += tests/test_json
tests_test_json_SOURCES = tests/test_json.c

check_PROGRAMS += tests/test_onednn
tests_test_onednn_SOURCES = tests/test_onednn.c

check_PROGRAMS += tests/test_safetensors
tests_test_safetensors_SOURCES = tests/test_safetensors.c

check_PROGRAMS += tests/test_media tests/test_media_jpeg \
	tests/test_media_more tests/test_media_png tests/test_media_pnm \
	tests/test_media_tiff
media_test_sources = tests/test_media_check.c tests/test_media_check.h \
	tests/test_media_make.c tests/test_media_make.h \
	tests/test_media_make_more.c
tests_test_media_SOURCES = tests/test_media.c $(media_test_sources)
tests_test_media_jpeg_SOURCES = tests/test_media_jpeg.c $(media_test_sources)
tests_test_media_more_SOURCES = tests/test_media_more.c $(media_test_sources)
tests_test_media_png_SOURCES = tests/test_media_png.c $(media_test_sources)
tests_test_media_tiff_SOURCES = tests/test_media_tiff.c $(media_test_sources)
tests_test_media_pnm_SOURCES = tests/test_media_pnm.c $(media_test_sources)

check_PROGRAMS += tests/test_common tests/test_prob_model tests/test_range_coder
tests_test_common_SOURCES = tests/test_common.c
tests_test_prob_model_SOURCES = tests/test_prob_model.c
tests_test_range_coder_SOURCES = tests/test_range_coder.c

check_PROGRAMS += tests/test_encoder
tests_test_encoder_SOURCES = tests/test_encoder.c $(toy_sources) \
	apps/nenc_check.c apps/nenc_check.h apps/nenc_target.c \
	apps/nenc_target.h
tests_test_encoder_LDADD = libmetrics.la $(LDADD)

# toy_sources: scripts.mk, which builds without cmocka include too
check_PROGRAMS += tests/test_net tests/test_container tests/test_model \
	tests/test_hyperprior
tests_test_net_SOURCES = tests/test_net.c tests/naive_net.c tests/naive_net.h

check_PROGRAMS += tests/test_grad
tests_test_grad_SOURCES = tests/test_grad.c tests/naive_net.c \
	tests/naive_net.h
tests_test_container_SOURCES = tests/test_container.c $(toy_sources)
tests_test_model_SOURCES = tests/test_model.c $(toy_sources) \
	$(unit_store_sources)
tests_test_hyperprior_SOURCES = tests/test_hyperprior.c $(toy_sources) \
	tests/unit_stream.c tests/unit_stream.h $(unit_store_sources)

check_PROGRAMS += tests/test_overfit
tests_test_overfit_SOURCES = tests/test_overfit.c $(toy_sources) \
	tests/unit_stream.c tests/unit_stream.h $(unit_store_sources)
check_PROGRAMS += tests/test_checkpoint
tests_test_checkpoint_SOURCES = tests/test_checkpoint.c $(toy_sources)
check_PROGRAMS += tests/test_overfit_context tests/test_overfit_paint \
	tests/test_overfit_rate
tests_test_overfit_paint_SOURCES = tests/test_overfit_paint.c
tests_test_overfit_context_SOURCES = tests/test_overfit_context.c
tests_test_overfit_rate_SOURCES = tests/test_overfit_rate.c

# Its own table of codecs stands before the library's.
check_PROGRAMS += tests/test_builtin
tests_test_builtin_SOURCES = tests/test_builtin.c $(toy_sources)

check_PROGRAMS += tests/test_plane
tests_test_plane_SOURCES = tests/test_plane.c $(toy_sources)

check_PROGRAMS += tests/test_parts
tests_test_parts_SOURCES = tests/test_parts.c $(toy_sources) \
	tests/unit_stream.c tests/unit_stream.h $(unit_store_sources)

# fail_alloc.c stands before the C library's allocator.
check_PROGRAMS += tests/test_out_of_memory
tests_test_out_of_memory_SOURCES = tests/test_out_of_memory.c \
	tests/fail_alloc.c tests/fail_alloc.h $(media_test_sources) \
	$(toy_sources)

check_PROGRAMS += tests/test_damage
tests_test_damage_SOURCES = tests/test_damage.c $(toy_sources)

check_PROGRAMS += tests/test_prob_grad tests/test_loss tests/test_optim \
	tests/test_soap
tests_test_prob_grad_SOURCES = tests/test_prob_grad.c
tests_test_loss_SOURCES = tests/test_loss.c
tests_test_loss_LDADD = libmetrics.la $(LDADD)
tests_test_optim_SOURCES = tests/test_optim.c
tests_test_soap_SOURCES = tests/test_soap.c

check_PROGRAMS += tests/test_refine
tests_test_refine_SOURCES = tests/test_refine.c $(toy_sources) \
	$(unit_store_sources)
