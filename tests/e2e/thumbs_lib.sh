# shellcheck shell=bash
# Sourced by the e2e scripts of millpool thumbs, after lib.sh: test images, and Pillow's opinion on them.

# The system's own Python first: that is the one for which the distribution packages Pillow.
python=
for candidate in /usr/bin/python3 python3; do
  "$candidate" -c 'import PIL' 2>/dev/null && python=$candidate && break
done
# shellcheck disable=SC2154  # lib.sh sets it
"$millpool" --help | grep -q thumbs || { echo "skipped: the program was built without thumbs"; exit 77; }
[[ -n $python ]] || { echo "skipped: no python3 with Pillow (python3-pil)"; exit 77; }

images() { "$python" "${ROOT:?the source tree}/tests/e2e/thumbs_images.py" "$@"; }

# Root may do what its permissions forbid, unless it gives that up.
as_owner=()
[[ $(id -u) != 0 ]] || as_owner=(setpriv "--bounding-set=-dac_override,-dac_read_search")

# run <arguments...>: millpool thumbs; sets status, and leaves what it said in `printed` and `err`.
run() {
  status=0
  # shellcheck disable=SC2034  # the scripts use it
  "${as_owner[@]}" "$millpool" thumbs "$@" >printed 2>err </dev/null || status=$?
}

# entry <DEST> <source> <jq filter>: from the manifest.
entry() {
  jq -r --arg source "$2" "select(.source == \$source) | $3" "$1/manifest.jsonl"
}
