#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Build for OSS-Fuzz: it sets CC, CFLAGS, LIB_FUZZING_ENGINE, WORK and OUT, and
# runs this in the top folder.
set -eu
corpora=$PWD/fuzz/corpus
cmake -S . -B "$WORK/vqp" -GNinja -DVQP_FUZZ=ON -DVQP_BACKENDS=gnu
for folder in "$corpora"/*; do
	target=${folder##*/}
	cmake --build "$WORK/vqp" --target "$target"
	cp "$WORK/vqp/fuzz/$target" "$OUT/"
	(cd "$folder" && zip -qr "$OUT/${target}_seed_corpus.zip" .)
	printf '[libfuzzer]\nmax_len = 256\n' >"$OUT/$target.options"
done
