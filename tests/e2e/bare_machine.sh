#!/usr/bin/env bash
# Usage: bare_machine.sh [folder] [suite]     as root; default: a new folder under /tmp, bookworm
#
# What a newcomer meets: a Debian (or Ubuntu: noble) with nothing but its base system, a clone of the
# last commit, and `./dev run`, `./dev run` again, `./dev test`. Needs debootstrap and a mirror, the one
# that this machine's apt uses if it has that suite; takes a quarter of an hour. The folder is kept, and
# used again if named.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bare=${1:-$(mktemp -d /tmp/millpool-bare.XXXXXX)}
suite=${2:-bookworm}

((EUID == 0)) || { echo "bare_machine: chroot needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare_machine: debootstrap is missing" >&2; exit 1; }

mirror=$(apt-get indextargets --format "\$(RELEASE) \$(SITE)" 'Created-By: Packages' |
  awk -v suite="$suite" '$1 == suite { print $2; exit }')
case $suite in
  noble) components="main universe" mirror=${mirror:-http://archive.ubuntu.com/ubuntu} ;;
  *) components=main mirror=${mirror:-http://deb.debian.org/debian} ;;
esac

if [[ ! -e $bare/etc/debian_version ]]; then
  debootstrap --variant=minbase --components="${components// /,}" "$suite" "$bare" "$mirror"
fi
cat >"$bare/etc/apt/sources.list" <<EOF
deb $mirror $suite $components
deb $mirror $suite-updates $components
EOF

mounted=()
finish() {
  local at
  for at in "${mounted[@]}"; do umount "$at"; done
}
trap finish EXIT
mount_at() {
  mount -t "$1" "$1" "$bare/$2"
  mounted=("$bare/$2" "${mounted[@]}")
}
mount_at proc proc
mkdir -p "$bare/dev/pts"
mount_at devpts dev/pts

rm -rf "$bare/root/millpool"
git clone -q --no-hardlinks "$root" "$bare/root/millpool"

inside() {
  local start=$SECONDS status=0
  echo "bare_machine: $*"
  chroot "$bare" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" \
    /bin/sh -c 'cd /root/millpool && exec "$@"' sh "$@" </dev/null || status=$?
  echo "bare_machine: $* took $((SECONDS - start)) s, exit code $status"
  return "$status"
}
inside ./dev run
inside ./dev run
inside ./dev test
echo "bare_machine: all is well; the machine is in $bare"
