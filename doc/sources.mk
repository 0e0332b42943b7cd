# SPDX-License-Identifier: BSD-2-Clause
dist_man_MANS = doc/nenc.1 doc/ndec.1 doc/nmodel.1 doc/neval.1 doc/ntrain.1
EXTRA_DIST += README.md doc/comparison.png doc/DESIGN.md doc/FORMAT.md
