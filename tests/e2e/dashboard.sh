#!/usr/bin/env bash
# The dashboard in a browser, before a server whose pools scale, fail, hold and hang.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
needs chromium node npm curl
server=${DASHBOARD_SERVER:?the server to look at}

# The browser's remote control lies in the build folder, for the next time.
control=$(dirname "$server")/playwright
if [[ ! -d $control/node_modules/playwright-core ]]; then
  mkdir -p "$control"
  if ! npm install --silent --no-fund --no-audit --prefix "$control" playwright-core@1.65.1 >npm.log 2>&1; then
    echo "skipped: npm has no playwright-core: $(tail -n 1 npm.log)"
    exit 77
  fi
fi
cp "$ROOT/tests/dashboard/dashboard.mjs" "$control/"

mkfifo until said
exec 8<>until
"$server" --pools "${DASHBOARD_POOLS:-4}" <until >said 2>/dev/null &
looked_at=$!
read -r url <said
holds "it says where it is" curl -sf -o /dev/null "$url/livez"
shots=${DASHBOARD_SHOTS:-$scratch/shots}
mkdir -p "$shots"
node "$control/dashboard.mjs" "$url" --shots "$shots" >report 2>&1 || fault "the dashboard does what it shows" "$(cat report)"
grep -c '^ok' report
exec 8>&-
kill "$looked_at"
