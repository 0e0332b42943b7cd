# SPDX-License-Identifier: BSD-2-Clause
common_sources = \
	common/bytes.c common/bytes.h \
	common/fpenv.c common/fpenv.h \
	common/hash.c common/hash.h common/hash_block.h common/hash_x86.c \
	common/json.c common/json.h \
	common/mem.c common/mem.h \
	common/pool.c common/pool.h common/random.h \
	common/status.c common/status.h
