#!/usr/bin/env bash
# The examples of docs/guide/logs.md do what they show.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
mkdir bin place
ln -s "$millpool" bin/millpool
export PATH=$scratch/bin:$PATH
cd place || exit 1
cat >access.log <<'EOF'
10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5120 "-" "curl/8"
10.0.0.2 - - [17/May/2015:10:05:43 +0000] "GET /a HTTP/1.1" 404 120 "-" "curl/8"
10.0.0.1 - - [17/May/2015:10:06:47 +0000] "POST /api HTTP/1.1" 500 - "-" "app/1"
10.0.0.3 - - [17/May/2015:11:05:12 +0000] "GET / HTTP/1.1" 200 7680 "-" "curl/8"
EOF
printf '%s\n' '10:05 [warn] disk: 91 % full' '10:06 [info] disk: cleaned' '10:07 [warn] net: slow' >app.log

run_examples "${ROOT:?the source tree}/docs/guide/logs.md"
holds "there are examples ($examples)" test "$examples" -ge 12
flags_agree logs "$ROOT/docs/guide/logs.md" "$ROOT/docs/man/millpool-logs.1"
