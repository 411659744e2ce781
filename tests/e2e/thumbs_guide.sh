#!/usr/bin/env bash
# The examples of docs/guide/thumbs.md do what they show.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq
mkdir bin place
ln -s "$millpool" bin/millpool
export PATH=$scratch/bin:$PATH
cd place || exit 1
mkdir -p photos/2023 photos/2024
images make jpeg photos/2023/beach.jpg
images make png photos/2023/logo.png 200 100
images make turned6 photos/2024/upright.jpg
echo notes >photos/2024/notes.txt

run_examples "$ROOT/docs/guide/thumbs.md"
holds "there are examples ($examples)" test "$examples" -ge 12
flags_agree thumbs "$ROOT/docs/guide/thumbs.md" "$ROOT/docs/man/millpool-thumbs.1"
