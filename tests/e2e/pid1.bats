#!/usr/bin/env bats
# What tini, dumb-init and catatonit promise and test, one test each, named after it, with a stand-in for dockerd:
# as PID 1, as a subreaper, and with a terminal. No engine, so it is quick.

bats_require_minimum_version 1.5.0

setup_file() {
  # A parent that waits for nobody, small so that it forks quickly.
  g++ -O2 -static -x c++ - -o "$BATS_FILE_TMPDIR/neglect" <<<'
    #include <stdlib.h>
    #include <unistd.h>
    int main(int, char** argv) { for (int i = atoi(argv[1]); i > 0; --i) if (fork() == 0) _exit(0); }'
}

setup() {
  load support/load
  unset DOCKER_HOST # it would name a listener
  box=$e2e/support/box
  record=$e2e/support/record-signals
  zombies=$e2e/support/zombies-of
  bin=$BATS_TEST_TMPDIR/bin
  mkdir "$bin"
  ln -s "$e2e/support/standin-dockerd" "$bin/dockerd"
  seen=$BATS_TEST_TMPDIR/seen
}

# The exit status and output of dind-init whose dockerd is a script. What `box` shall do meanwhile comes by
# standard input.
main_is() { # [--tty] MODE SCRIPT [ARGUMENT…]
  local tty=()
  if [ "$1" = --tty ]; then tty=(--tty); shift; fi
  local mode=$1 script=$2
  shift 2
  PATH=$bin:$PATH STANDIN=$script "$box" "${tty[@]}" "$mode" "$programs/dind-init" "$@"
}

both() { # FUNCTION: for either mode
  local mode
  for mode in pid1 subreaper; do
    rm -f "$seen"
    "$1" "$mode" || { echo "as $mode" >&2; return 1; }
  done
}

# Expects an exit status of what comes behind.
ends_with() { # STATUS COMMAND…
  local status=0
  "${@:2}" >"$BATS_TEST_TMPDIR/output" 2>&1 || status=$?
  [ "$status" = "$1" ] || { cat "$BATS_TEST_TMPDIR/output"; echo "ended with $status, not $1"; return 1; } >&2
}

said() { grep -qE "$1" "$BATS_TEST_TMPDIR/output" || { cat "$BATS_TEST_TMPDIR/output" >&2; return 1; }; }

# --- tini ---

@test "tini: the exit code of the child is returned" {
  check() {
    local code
    for code in 0 1 2 77 126 127 128 143 255; do ends_with "$code" main_is "$1" "exit $code" </dev/null || return; done
  }
  both check
}

@test "tini: a child that a signal killed is 128 + the signal" {
  check() {
    ends_with 143 main_is "$1" 'kill -TERM $$' </dev/null && ends_with 137 main_is "$1" 'kill -KILL $$' </dev/null
  }
  both check
}

@test "tini: exit codes can be remapped to 0" {
  check() { DIND_EXIT_REMAP=143,5 ends_with 0 main_is "$1" 'exit 5' </dev/null; }
  both check
  DIND_EXIT_REMAP=143 ends_with 5 main_is pid1 'exit 5' </dev/null
}

@test "tini: zombies are reaped" {
  check() {
    # They end while main lives on.
    ends_with 0 main_is "$1" "for i in 1 2 3 4 5; do (sh -c 'sleep 0.05 &'); done; sleep 0.3; [ -z \"\$($zombies \$PPID)\" ]" </dev/null
  }
  both check
}

@test "tini: signals are forwarded" {
  check() {
    main_is "$1" "exec $record $seen" <<<"wait $seen started
kill SIGUSR1
wait $seen SIGUSR1
kill SIGUSR2
wait $seen SIGUSR2
kill SIGHUP
wait $seen SIGHUP
kill SIGTERM" && [ "$(xargs <"$seen")" = "started SIGUSR1 SIGUSR2 SIGHUP SIGTERM" ]
  }
  both check
}

@test "tini: the child's signal mask and ignored signals are those from before" {
  check() {
    local plain ours
    plain=$(env --ignore-signal=USR2 --ignore-signal=INT --block-signal=USR1 grep -E '^Sig(Blk|Ign)' /proc/self/status)
    ours=$(env --ignore-signal=USR2 --ignore-signal=INT --block-signal=USR1 env PATH="$bin:$PATH" STANDIN="exec grep -E '^Sig(Blk|Ign)' /proc/self/status" \
      "$box" "$1" "$programs/dind-init" </dev/null 2>/dev/null)
    [ "$ours" = "$plain" ] || { printf '%s\nis not\n%s\n' "$ours" "$plain" >&2; return 1; }
  }
  both check
}

@test "tini: a program that is not there is 127, one that cannot be run 126" {
  rm "$bin/dockerd"
  check() { PATH=$bin:/usr/bin:/bin ends_with 127 "$box" "$1" "$programs/dind-init" </dev/null; }
  both check
  echo >"$bin/dockerd"
  check() { PATH=$bin ends_with 126 /usr/bin/python3 "$box" "$1" "$programs/dind-init" </dev/null; }
  both check
}

@test "tini: the child leads the terminal's foreground group" {
  check() { ends_with 0 main_is --tty "$1" '[ "$(ps -o pgid= $$ | xargs)" = $$ ] && [ "$(ps -o tpgid= $$ | xargs)" = $$ ]' </dev/null; }
  both check
}

@test "tini: Ctrl-C reaches the child, and ends with 130" {
  check() {
    ends_with 130 main_is --tty "$1" "exec sleep 100" <<<"runs sleep
type ^C"
  }
  both check
}

@test "tini: a warning says when orphans are reaped by a subreaper" {
  ends_with 0 main_is subreaper 'exit 0' </dev/null
  said 'reaping orphaned processes as a subreaper'
  ends_with 0 main_is pid1 'exit 0' </dev/null
  run ! said subreaper
}

@test "tini: the child has a process group of its own" {
  check() { ends_with 0 main_is "$1" '[ "$(ps -o pgid= $$ | xargs)" = $$ ]' </dev/null; }
  both check
}

@test "tini: --help and --version are answered by the program that was asked" {
  check() { ends_with 0 main_is "$1" 'exit 0' --version </dev/null; }
  STANDIN_UNREADY=1 both check
}

# --- dumb-init ---

@test "dumb-init: every signal is proxied, exactly once" {
  check() {
    local name commands="wait $seen started"
    for name in USR1 USR2 HUP WINCH ALRM CONT PIPE IO TSTP QUIT TERM; do
      commands+=$'\n'"kill SIG$name"$'\n'"wait $seen SIG$name"
    done
    main_is "$1" "exec $record $seen" <<<"$commands" || return
    [ "$(sort "$seen" | uniq -d)" = "" ] && [ "$(wc -l <"$seen")" = 12 ]
  }
  both check
}

@test "dumb-init: a signal can be rewritten" {
  check() {
    DIND_SIGNAL_REWRITE=TERM:QUIT main_is "$1" "exec $record $seen SIGQUIT" <<<"wait $seen started
kill SIGTERM" && [ "$(xargs <"$seen")" = "started SIGQUIT" ]
  }
  both check
}

@test "dumb-init: a signal can be ignored" {
  check() {
    DIND_SIGNAL_REWRITE=USR1:0 main_is "$1" "exec $record $seen" <<<"wait $seen started
kill SIGUSR1
kill SIGUSR2
wait $seen SIGUSR2
kill SIGTERM" && [ "$(xargs <"$seen")" = "started SIGUSR2 SIGTERM" ]
  }
  both check
}

@test "dumb-init: all processes of the group get SIGTERM when the child exits" {
  check() {
    ends_with 3 main_is "$1" "(trap 'echo SIGTERM >>$seen; exit' TERM; echo up >>$seen; sleep 100 & wait) &
      until grep -q up $seen; do sleep 0.01; done; exit 3" <<<"" || return
    # As PID 1 the kernel is as quick to end them.
    [ "$1" = pid1 ] || timeout 5 sh -c "until grep -q SIGTERM $seen; do sleep 0.01; done"
  }
  both check
}

@test "dumb-init: the child gets the controlling terminal" {
  check() { ends_with 0 main_is --tty "$1" 'tty && echo typed >/dev/tty' </dev/null && said '^/dev/pts/' && said typed; }
  both check
}

@test "dumb-init: what is typed reaches the child" {
  check() {
    ends_with 0 main_is --tty "$1" "echo ready >$seen; read word; echo got \$word" <<<"wait $seen ready
type hello\n" && said 'got hello'
  }
  both check
}

@test "dumb-init: a hang-up of the terminal arrives once" {
  check() {
    main_is --tty "$1" "exec $record $seen" <<<"wait $seen started
hangup
wait $seen SIGHUP
kill SIGUSR1
wait $seen SIGUSR1
kill SIGTERM" && [ "$(grep -c SIGHUP "$seen")" = 1 ]
  }
  both check
}

@test "dumb-init: a change of the window's size reaches the child, once" {
  check() {
    main_is --tty "$1" "exec $record $seen" <<<"wait $seen started
size 40 120
wait $seen SIGWINCH
kill SIGTERM" && [ "$(grep -c SIGWINCH "$seen")" = 1 ]
  }
  both check
}

@test "dumb-init: a child that job control stopped goes on when told" {
  check() {
    ends_with 7 main_is "$1" "sh -c 'echo up >$seen; kill -STOP \$PPID; sleep 0.1; kill -CONT \$PPID'; exit 7" </dev/null
  }
  both check
}

@test "dumb-init: Ctrl-Z stops the child, and SIGCONT by way of PID 1 wakes it" {
  check() {
    ends_with 9 main_is --tty "$1" "echo up >$seen; read word; exit 9" <<<"wait $seen up
type ^Z
stopped
kill SIGCONT
type \n"
  }
  both check
}

@test "dumb-init: writing to the terminal from the background does not stop it" {
  check() { ends_with 0 main_is --tty "$1" 'stty tostop; exit 0' </dev/null && said .; }
  both check
}

# --- catatonit ---

@test "catatonit: LISTEN_PID is the child's, and that of others does not reach it" {
  check() {
    LISTEN_PID=1 LISTEN_FDS=99 ends_with 0 main_is "$1" '[ "$LISTEN_PID" -eq $$ ] && [ "$LISTEN_FDS" -lt 99 ]' </dev/null &&
      DIND_ACTIVATE=off LISTEN_PID=1 LISTEN_FDS=3 ends_with 0 main_is "$1" '[ -z "$LISTEN_PID$LISTEN_FDS" ]' </dev/null
  }
  both check
}

@test "catatonit: no descriptor but the standard ones, and listeners, reaches the child" {
  check() { DIND_ACTIVATE=off ends_with 0 main_is "$1" 'exec ls /proc/self/fd' </dev/null && [ "$(grep -x '[0-9]*' "$BATS_TEST_TMPDIR/output" | xargs)" = "0 1 2 3" ]; } # 3 is ls' own
  both check
}

@test "catatonit: the child's directory is the one it was started in" {
  check() { cd "$BATS_TEST_TMPDIR" && ends_with 0 main_is "$1" "[ \"\$(pwd)\" = $BATS_TEST_TMPDIR ]" </dev/null; }
  both check
}

@test "catatonit: ten thousand orphans at once are reaped" {
  check() {
    # They are dead before they become ours: their parent has not waited for them.
    ends_with 0 main_is "$1" "$BATS_FILE_TMPDIR/neglect 10000; until [ -z \"\$($zombies \$PPID)\" ]; do sleep 0.1; done" </dev/null
  }
  both check
}

@test "catatonit: a stop that comes before all is ready is not lost" {
  check() {
    STANDIN_UNREADY=1 ends_with 143 main_is "$1" "echo up >$seen; exec sleep 100" <<<"wait $seen up
kill SIGTERM"
  }
  both check
}

# --- what none of them has ---

@test "a second SIGTERM is not forwarded; a third would make dockerd drop everything" {
  check() {
    main_is "$1" "exec $record $seen SIGUSR1" <<<"wait $seen started
kill SIGTERM
wait $seen SIGTERM
kill SIGTERM
kill SIGTERM
kill SIGUSR1" && [ "$(xargs <"$seen")" = "started SIGTERM SIGUSR1" ]
  }
  both check
}

@test "a second SIGINT, a person's, hurries the stop" {
  check() {
    ends_with 137 main_is "$1" "exec $record $seen SIGUSR1" <<<"wait $seen started
kill SIGINT
wait $seen SIGINT
kill SIGINT"
  }
  both check
}

@test "DIND_STOP_TIMEOUT ends what does not stop" {
  check() {
    DIND_STOP_TIMEOUT=1 ends_with 137 main_is "$1" "exec $record $seen SIGUSR1" <<<"wait $seen started
kill SIGTERM" && said 'killing it'
  }
  both check
}

@test "DIND_EXIT_WITH=file: ends with 0 when the file appears" {
  check() {
    rm -rf "$BATS_TEST_TMPDIR/shared"
    DIND_EXIT_WITH=file:$BATS_TEST_TMPDIR/shared/done ends_with 0 main_is "$1" "(until [ -s $seen ]; do sleep 0.01; done; mkdir $BATS_TEST_TMPDIR/shared; touch $BATS_TEST_TMPDIR/shared/done) & exec $record $seen" </dev/null &&
      said 'shared/done is there' && [ "$(xargs <"$seen")" = "started SIGTERM" ]
  }
  both check
}

@test "DIND_RESTART: a dockerd that dies is started again, and ends with its status and last lines" {
  check() {
    DIND_RESTART=on-failure:2 ends_with 4 main_is "$1" "echo x >>$seen; echo level=fatal the reason >&2; exit 4" </dev/null &&
      [ "$(wc -l <"$seen")" = 3 ] && said 'the last lines of dockerd: .*the reason' && [ "$(grep -c '^level=fatal the reason' "$BATS_TEST_TMPDIR/output")" = 3 ]
  }
  both check
}

@test "DIND_NOFILE is dockerd's limit" {
  check() { DIND_NOFILE=1234 ends_with 0 main_is "$1" '[ "$(ulimit -n)" = 1234 ]' </dev/null; }
  both check
}
