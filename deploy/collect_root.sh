#!/usr/bin/env bash
# Usage: collect_root.sh BINARY DIR
# Makes DIR the root of an image that can run BINARY as /usr/bin/NAME, and nothing else: the
# program, the shared libraries that it needs, a user that is not root, the certificates of the
# authorities. No shell. Called again with another BINARY, it adds that one.
set -euo pipefail
binary=${1:?usage: collect_root.sh BINARY DIR}
dir=${2:?usage: collect_root.sh BINARY DIR}
certificates=/etc/ssl/certs/ca-certificates.crt

die() { echo "collect_root.sh: $*" >&2; exit 1; }
[[ -x $binary && -f $binary ]] || die "$binary is no program"
[[ -r $certificates ]] || die "$certificates is not there: install ca-certificates"

mkdir -p "$dir"/{etc/ssl/certs,tmp,usr/bin}
chmod 1777 "$dir/tmp"
install -m 755 "$binary" "$dir/usr/bin/"

# libraries_of FILE: what the loader needs for it. A program that is linked statically needs none;
# then ldd fails.
libraries_of() {
  local needed
  needed=$(ldd "$1" 2>/dev/null) || needed=""
  [[ $needed != *"not found"* ]] || die "$1 lacks $(grep 'not found' <<<"$needed")"
  # "	libz.so.1 => /lib/.../libz.so.1 (0x...)", "	/lib64/ld-linux-x86-64.so.2 (0x...)"
  awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$needed"
}
needed=$(libraries_of "$binary")
# libcurl is loaded when it is first needed: by `drain`, by alarms and traces that go to a URL.
if grep -qa 'libcurl\.so\.4' "$binary"; then
  curl=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p | awk '$1 == "libcurl.so.4" && !found++ { print $NF }')
  [[ -n $curl ]] || die "$binary loads libcurl.so.4, which is not there: install libcurl4"
  needed+=$'\n'$curl$'\n'$(libraries_of "$curl")
fi
mapfile -t libraries < <(sort -u <<<"$needed" | sed '/^$/d')
for library in "${libraries[@]}"; do
  mkdir -p "$dir$(dirname "$library")"
  install -m 755 "$(realpath "$library")" "$dir$library"
done

# In there the loader looks into its own folders, those of ld.so.conf, by way of its cache, and those
# that a file names itself (RPATH). LD_LIBRARY_PATH, by which a library may have been found here, is
# nothing that an image has.
if ((${#libraries[@]})); then
  cp -rL /etc/ld.so.conf /etc/ld.so.conf.d "$dir/etc/" 2>/dev/null || true
  PATH=$PATH:/sbin:/usr/sbin ldconfig -X -r "$dir"
  rm -rf "$dir/var/cache/ldconfig"
  rmdir -p --ignore-fail-on-non-empty "$dir/var/cache" 2>/dev/null || true
  known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -r "$dir" -p)
fi
for library in "${libraries[@]}"; do
  [[ $known == *" => $library"$'\n'* || $known == *" => $library" ]] && continue
  grep -qaF "$(dirname "$library")" "$binary" "${libraries[@]}" ||
    die "$library is nowhere that the loader looks: name its folder in /etc/ld.so.conf.d"
done

echo 'nonroot:x:65532:65532::/tmp:/nonexistent' >"$dir/etc/passwd"
echo 'nonroot:x:65532:' >"$dir/etc/group"
echo 'hosts: files dns' >"$dir/etc/nsswitch.conf"
install -m 644 "$certificates" "$dir$certificates"
