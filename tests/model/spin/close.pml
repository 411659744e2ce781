/* Does every task that was accepted run, and every worker end, whenever the pool is closed?

   A submission  is accepted or refused under the channel's lock, which the close takes, too: so a
                 worker that has seen the close can see every accepted task.
   The close     sets the flag, empties the stack of idle workers, and gives each its token.
   A worker      reads the flag before it looks for a task. If it had been set, and there is none, the
                 worker ends. The second look, before it sleeps, is for a task or the flag.

   Claim: all workers end, and then as many tasks have run as were accepted.

   shape  PRODUCERS=2 WORKERS=2 TASKS=1
   shape  PRODUCERS=1 WORKERS=3 TASKS=1
   shape  PRODUCERS=1 WORKERS=2
   mutant FLAG_AFTER_THE_LOOK       a task and the close may come between the look and the flag
   mutant SECOND_LOOK_WITHOUT_FLAG  the close may have come before the worker was on the stack
   mutant NO_SECOND_LOOK            so may both
   mutant CLOSE_WAKES_ONE           the other sleepers never hear of it
   mutant CLOSE_WITHOUT_THE_LOCK    the flag may be seen before a task that was accepted is

   Without the heavy barrier a task would run late here, at the close: that mutant is for park.pml. */

#include "workers.inc"

bool closed = false;
byte accepted = 0;
byte ended = 0;

proctype Producer(byte me) {
  byte sent = 0, whom = WORKERS;
  bool sees_search = false, sees_sleep = false;
  do
  :: sent < TASKS ->
     if
     :: atomic { !closed -> accepted++; buffered[me]++ }
     :: closed -> break
     fi;
     look_and_wake(me, whom);
     sent++
  :: else -> break
  od
}

active proctype Closer() {
  byte whom = WORKERS;
#ifdef CLOSE_WITHOUT_THE_LOCK
  closed = true;
#else
  /* Whoever held the lock before has let its stores go: they are older than the unlock. */
  d_step { heavy_barrier(); closed = true };
#endif
#ifdef CLOSE_WAKES_ONE
  pop_idle(true, whom);
  wake(whom)
#else
  do
  :: sleepers > 0 -> pop_idle(true, whom); wake(whom)
  :: else -> break
  od
#endif
}

proctype Worker(byte me) {
  byte whom = WORKERS, at = 0;
  bool searches = false, got = false, more = false, off = false, saw_close = false;
  do
  :: true ->
     stop_searching();
     saw_close = closed;
     take();
#ifdef FLAG_AFTER_THE_LOOK
     saw_close = closed;
#endif
     if
     :: got ->
        if
        :: more -> wake_one(whom)
        :: else
        fi;
        ran++
     :: !got && saw_close -> break
     :: !got && !saw_close ->
        start_search();
#ifdef SECOND_LOOK_WITHOUT_FLAG
        park(me, visible > 0)
#else
        park(me, visible > 0 || closed)
#endif
     fi;
     d_step { got = false; more = false; saw_close = false }
  od;
  ended++
}

init {
  byte i = 0;
  atomic {
    do
    :: i < WORKERS -> run Worker(i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < PRODUCERS -> run Producer(i); i++
    :: else -> break
    od;
    i = 0
  }
  ended == WORKERS; /* where nothing moves before this, a worker sleeps for ever */
  assert(ran == accepted && searching == 0 && sleepers == 0)
}
