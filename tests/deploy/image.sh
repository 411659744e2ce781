#!/usr/bin/env bash
# What the image holds: the program runs in it, as nobody in particular, without a shell. And the
# units of systemd have no fault.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/../e2e/lib.sh"
needs ldd
mkfifo never
skipped=0
skip() { echo "skipped: $*"; skipped=1; }

image=$scratch/image
holds "it is made" bash "$ROOT/deploy/collect_root.sh" "$millpool" "$image"
equal "it has one program" /usr/bin/millpool \
  "$(find "$image" -type f -perm /111 ! -name '*.so*' -printf '/%P\n')"
equal "no shell" "" "$(find "$image" \( -name '*sh' -o -name 'busybox*' \) -printf '/%P\n')"
equal "no link that leads out" "" "$(find "$image" -type l)"
equal "no program with another's rights" "" "$(find "$image" -type f -perm /6000)"
equal "nothing that all may write to, but /tmp" /tmp "$(find "$image" -perm /002 ! -type l -printf '/%P\n')"
contains "its user is not root" nonroot:x:65532:65532: "$(cat "$image/etc/passwd")"
contains "its loader has a cache" libc.so.6 "$(PATH=$PATH:/sbin:/usr/sbin ldconfig -r "$image" -p)"
holds "it has certificates" grep -q BEGIN "$image/etc/ssl/certs/ca-certificates.crt"

inside() { chroot --userspec=65532:65532 "$image" /usr/bin/millpool "$@"; }
chmod 755 "$scratch"  # for that user
if chroot --userspec=65532:65532 / true 2>/dev/null; then
  equal "it says its version" "$("$millpool" --version)" "$(inside --version 2>&1)"
  equal "it has its help" "$("$millpool" run --help)" "$(inside run --help 2>&1)"
  equal "it runs what is there: itself" "$("$millpool" --version)" \
    "$(inside run /usr/bin/millpool {} ::: --version 2>&1)"
  status=0
  inside run --shell 'echo {}' ::: 1 >/dev/null 2>&1 || status=$?
  holds "what needs a shell fails" test "$status" -ne 0
  # What the pod's preStop calls ends a run in there, as it is in the manifest, but for the port.
  mapfile -t drain < <(awk '/preStop:/ { inside = 1 } inside && $1 == "-" { gsub(/"/, ""); print $2 }
    inside && /securityContext:/ { exit }' "$ROOT/deploy/manifests/deployment.yaml")
  equal "preStop drains" "/usr/bin/millpool drain" "${drain[*]:0:2}"
  mkfifo feed && exec 9<>feed
  export MILLPOOL_ADMIN_TOKEN=a-token-of-this-test
  inside run --admin 0.0.0.0:0 -k /usr/bin/millpool {} <feed >out 2>err &
  run=$!
  printf '%s\n' --version --version >&9
  for ((i = 0; i < 300; i++)); do  # until it has said where it is, and done these
    port=$(sed -n 's|.*http://0.0.0.0:\([0-9]*\).*|\1|p' err)
    [[ $port && $(wc -l <out) == 2 ]] && break
    read -r -t 0.1 _ <&8
  done 8<>never
  chroot --userspec=65532:65532 "$image" "${drain[@]/9464/$port}" >said 2>&1
  equal "it is drained, within its time" 0 $?
  equal "without a word" "" "$(cat said)"
  kill "$run" 2>/dev/null  # where it was not
  wait "$run"
  equal "and says that it was told to end" 143 $?
  equal "what it had accepted is done" $'millpool 0.1.0\nmillpool 0.1.0' "$(sed 's/ [0-9.]*$/ 0.1.0/' out)"
  exec 9>&-
else
  skip "only root may chroot"
fi

said=$(bash "$ROOT/deploy/collect_root.sh" "$scratch/absent" "$scratch/other" 2>&1)
equal "a program that is absent ends it with 1" 1 $?
contains "and one sentence" "absent is no program" "$said"

# ---- a library that lies somewhere else
if command -v cc >/dev/null; then
  mkdir odd
  echo 'int answer(void) { return 42; }' >odd.c
  echo 'int answer(void); int main(void) { return answer(); }' >main.c
  cc -shared -fPIC -o odd/libodd.so odd.c
  cc -o lost main.c -Lodd -lodd
  cc -o found main.c -Lodd -lodd -Wl,-rpath,"$PWD/odd"
  said=$(LD_LIBRARY_PATH=$PWD/odd bash "$ROOT/deploy/collect_root.sh" "$PWD/lost" lost-root 2>&1)
  equal "a library that the image would not find ends it with 1" 1 $?
  contains "and one sentence" "libodd.so is nowhere that the loader looks" "$said"
  holds "one that the program names the folder of is found" \
    bash "$ROOT/deploy/collect_root.sh" "$PWD/found" found-root
  status=0
  if chroot --userspec=65532:65532 / true 2>/dev/null; then
    chroot --userspec=65532:65532 found-root /usr/bin/found || status=$?
    equal "in the image, too" 42 "$status"
    # As where ld.so.conf has the folder: then the cache has it.
    echo "$PWD/odd" >lost-root/etc/ld.so.conf
    PATH=$PATH:/sbin:/usr/sbin ldconfig -X -r lost-root
    status=0
    chroot --userspec=65532:65532 lost-root /usr/bin/lost || status=$?
    equal "and by the loader's cache" 42 "$status"
  fi
else
  skip "no cc"
fi

# ---- the recipe
recipe=$ROOT/deploy/Containerfile
final=$(sed -n '/^FROM scratch$/,$p' "$recipe")
contains "its last stage begins with nothing" "FROM scratch" "$final"
contains "it is not root's" "USER 65532:65532" "$final"
contains "it starts the program" 'ENTRYPOINT ["/usr/bin/millpool"]' "$final"
equal "it takes only what was collected" "COPY --from=build /image/ /" "$(grep -E '^(COPY|ADD|RUN)' <<<"$final")"
contains "what the test has made is made there" \
  "bash deploy/collect_root.sh build/release/millpool /image" "$(cat "$recipe")"
holds "its preset is there" grep -q '"name": "release"' "$ROOT/CMakePresets.json"

# ---- systemd
unit=$ROOT/deploy/systemd/millpool@.service
# A drain that is late or finds nobody is no failure of the unit: what it leaves gets SIGTERM.
contains "its drain may fail" "ExecStop=-/usr/bin/millpool drain" "$(cat "$unit")"
limit=$(sed -n 's/^ExecStop=.*--timeout //p' "$unit")
holds "there is time for the drain" test "$(sed -n 's/^TimeoutStopSec=//p' "$unit")" -gt "${limit:-9999}"
if command -v systemd-analyze >/dev/null; then
  mkdir units
  for unit in service socket; do  # the program is not in /usr/bin yet
    sed "s|/usr/bin/millpool |$millpool |" "$ROOT/deploy/systemd/millpool@.$unit" >"units/millpool@.$unit"
  done
  equal "systemd-analyze verify" "" \
    "$(systemd-analyze verify --man=no "units/millpool@.service" "units/millpool@.socket" 2>&1)"
  if systemd-analyze security --help 2>/dev/null | grep -q -e --offline; then
    # In tenths: 100 is exposed, 0 is not.
    exposure=$(systemd-analyze security --offline=true --threshold=20 --no-pager units/millpool@.service 2>&1) ||
      fault "it is hardened" "$(tail -n 1 <<<"$exposure")"
  fi
  sed -i 's/^NoNewPrivileges=yes/NoNewPrivilege=yes/' units/millpool@.service
  holds "a fault is found" test -n "$(systemd-analyze verify --man=no units/millpool@.service 2>&1)"
else
  skip "no systemd-analyze"
fi
((faults)) || ((!skipped)) || exit 77
