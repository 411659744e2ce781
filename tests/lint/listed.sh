#!/usr/bin/env bash
# Usage: listed.sh <root>
# Sources are listed, never globbed; so a file that no list names is neither built nor installed.
set -euo pipefail
cd "${1:?usage: listed.sh <root>}"
bad=0
declare -A names=()  # of each list: its words, between blanks

while read -r file; do
  case $file in
    include/millpool/*/*) room=${file#include/millpool/} room=${room%%/*} list=src/$room/CMakeLists.txt ;;
    include/*) list=src/CMakeLists.txt ;;
    *) list= ;;
  esac
  # A source is listed in its own folder, or in the nearest one above that has a list.
  folder=${file%/*}
  while [[ -z $list ]]; do
    [[ -e $folder/CMakeLists.txt ]] && list=$folder/CMakeLists.txt
    [[ $folder == */* ]] || break
    folder=${folder%/*}
  done
  if [[ -n $list && ! -v names[$list] ]]; then
    names[$list]=" $([[ ! -e $list ]] || tr -c 'A-Za-z0-9_.' ' ' <"$list") "
  fi
  if [[ -z $list || ${names[$list]} != *" ${file##*/} "* ]]; then
    echo "$file:1: not named in ${list:-any CMakeLists.txt}"
    bad=1
  fi
done < <(find include src apps tests bench \( -path 'include/*' -name '*.hpp' \) -o -name '*.cpp' 2>/dev/null |
  grep -v '^tests/consume/' | sort)

exit "$bad"
