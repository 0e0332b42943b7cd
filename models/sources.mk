# SPDX-License-Identifier: BSD-2-Clause
modelsdir = $(pkgdatadir)/models
dist_models_DATA = models/hyperprior.safetensors models/hyperprior.txt
EXTRA_DIST += models/README.md
