#!/usr/bin/env bash
# Every way to name arguments gives the same jobs as it does in GNU parallel and xargs.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"
needs_gnu_parallel

printf 'a b\n\nlast "quoted" $x\\y' >lines
printf 'one\0two\nlines\0three' >nul

# same <claim> <our output> <its output>
same() { equal "$1 as in GNU parallel" "$3" "$2"; }

same "lines" "$("$millpool" run -k echo <lines)" "$(gnu_parallel -k echo <lines)"
same "a file" "$("$millpool" run -k -a lines echo)" "$(gnu_parallel -k -a lines echo)"
same "two files" "$("$millpool" run -k -a lines -a lines echo)" "$(gnu_parallel -k -a lines -a lines echo)"
same "::::" "$("$millpool" run -k echo :::: lines)" "$(gnu_parallel -k echo :::: lines)"
same "NUL" "$("$millpool" run -k -0 echo <nul)" "$(gnu_parallel -k -0 echo <nul)"
same "sources combined" "$("$millpool" run -k echo {2}-{1} ::: a b c ::: 1 2)" \
  "$(gnu_parallel -k echo {2}-{1} ::: a b c ::: 1 2)"
same "-N" "$(seq 5 | "$millpool" run -k -N2 echo {1}+{2})" "$(seq 5 | gnu_parallel -k -N2 echo {1}+{2})"
same "--colsep" "$(printf 'a:b\nc:d\n' | "$millpool" run -k -C : echo {2} {1})" \
  "$(printf 'a:b\nc:d\n' | gnu_parallel -k -C : echo {2} {1})"
same "-I" "$("$millpool" run -k -I @ echo @.{.} ::: a.b)" "$(gnu_parallel -k -I @ echo @.{.} ::: a.b)"
same "-r" "$(printf 'a\n\n  \nb\n' | "$millpool" run -k -r echo)" "$(printf 'a\n\n  \nb\n' | gnu_parallel -k -r echo)"
same "no input" "$("$millpool" run echo </dev/null)" "$(gnu_parallel echo </dev/null)"
same "a shell" "$("$millpool" run -k --shell 'echo {} | tr a-z A-Z' <lines)" "$(gnu_parallel -k 'echo {} | tr a-z A-Z' <lines)"
same "commands" "$(printf 'echo a; echo b\nprintf c\n' | "$millpool" run -k --shell)" \
  "$(printf 'echo a; echo b\nprintf c\n' | gnu_parallel -k)"
same "--tag" "$("$millpool" run -k --tag printf '{}\nx' ::: 1 2)" "$(gnu_parallel -k -q --tag printf '{}\nx' ::: 1 2)"
same "--tagstring" "$("$millpool" run -k --tagstring 'n{/}' echo ::: a/b)" \
  "$(gnu_parallel -k --tagstring 'n{/}' echo ::: a/b)"
same "--dry-run" "$("$millpool" run --dry-run echo 'x  y' {} ::: 'a b' c "d'e" '')" \
  "$(gnu_parallel -k -q --dry-run echo 'x  y' {} ::: 'a b' c "d'e" '')"

args=(/a/b.c/d.e.f x a.b/c .hid /x a/ a/.b 'sp ace/n.o d')
same "replacement strings" "$("$millpool" run -k echo '[{}] [{.}] [{/}] [{//}] [{/.}] {#}' ::: "${args[@]}")" \
  "$(gnu_parallel -k -q echo '[{}] [{.}] [{/}] [{//}] [{/.}] {#}' ::: "${args[@]}")"

equal "-n2 as in xargs" "$(seq 5 | xargs -n2 echo)" "$(seq 5 | "$millpool" run -k -n2 echo)"
equal "-0 -n1 as in xargs" "$(xargs -0 -n1 echo <nul)" "$("$millpool" run -k -0 echo <nul)"
equal "-I as in xargs" "$(seq 3 | xargs -I{} echo a{}b)" "$(seq 3 | "$millpool" run -k -I{} echo a{}b)"

# The order of 500 jobs that take their time differently.
seq 500 >numbers
same "-k" "$("$millpool" run -j8 -k sh -c 'test $(({} % 7)) -ne 0 || sleep 0.01; echo {}' <numbers)" "$(cat numbers)"

# Slots are numbers from 1 to -j, each held by one job at a time.
slots=$("$millpool" run -j3 sh -c 'mkdir slot{%} || echo taken; echo {%}; rmdir slot{%}' <numbers | sort -u)
equal "slots" $'1\n2\n3' "$slots"

# 0 is the highest priority; the rest follows in the order of the input. From a file, which is read in one
# piece: of a pipe only those lines are sorted that have come.
printf '7 a\n0 b\n3 c\n0 d\n' >ranked
equal "--priority" $'0 b\n0 d\n3 c\n7 a' "$("$millpool" run -j1 --priority 1 echo <ranked)"

# A script without an interpreter line runs, as it does in a shell.
printf 'echo script "$1"\n' >script
chmod +x script
equal "a script without #!" "script 1" "$("$millpool" run ./script ::: 1)"

# Jobs read nothing of our input.
equal "standard input of a job is empty" $'1:\n2:' "$(seq 2 | "$millpool" run -k sh -c 'echo "{}:$(cat)"')"

# Descriptors: three and no more; what we hold open is not theirs.
equal "a job inherits none of our descriptors" "$(ls /proc/self/fd)" "$("$millpool" run ls ::: /proc/self/fd)"

# More jobs at a time than descriptors: the limit is raised for us, and for no job.
(
  ulimit -Sn 256
  equal "200 jobs at a time under a limit of 256 descriptors" "256" \
    "$(seq 400 | "$millpool" run -j200 sh -c 'ulimit -Sn' | sort -u)"
  exit "$faults"
) || faults=$((faults + 1))
