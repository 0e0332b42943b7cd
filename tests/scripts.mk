# SPDX-License-Identifier: BSD-2-Clause
# Shell tests.  They print "ok NAME", "not ok NAME" or "skip NAME: WHY".
test_scripts += tests/style.sh
test_scripts += tests/metrics.sh
test_scripts += tests/sound_metrics.sh
EXTRA_DIST += tests/sound_metrics.py
EXTRA_DIST += tests/cases.sh
test_scripts += tests/cli.sh
test_scripts += tests/faults.sh
test_scripts += tests/many.sh
test_scripts += tests/kinds.sh
EXTRA_DIST += tests/kinds.py tests/kinds_pictures.py tests/kinds_png.py
EXTRA_DIST += tests/kinds_of_png.py tests/kinds_of_jpeg.py
test_scripts += tests/neval.sh
test_scripts += tests/report.sh
EXTRA_DIST += tests/report_page.py
test_scripts += conformance/exactness.sh
test_scripts += conformance/curves.sh
EXTRA_DIST += conformance/curves
test_scripts += tests/nmodel.sh
test_scripts += tests/torch.sh
EXTRA_DIST += tests/compare_torch.py
test_scripts += tests/ntrain.sh
EXTRA_DIST += tests/pages.py
test_scripts += tests/grad_torch.sh
EXTRA_DIST += tests/compare_grad_torch.py
test_scripts += tests/train_torch.sh
EXTRA_DIST += tests/compare_nets_torch.py tests/compare_train_torch.py

# Models for tests and fuzz targets; here, since the latter need no cmocka.
toy_sources = tests/toy_model.c tests/toy_model.h
