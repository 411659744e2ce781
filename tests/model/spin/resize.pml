/* Is a wake-up lost with a worker that leaves because the pool was made smaller, while tasks are
   submitted and the pool is closed?

   The resize    says that one worker is too many, and wakes one, so that somebody notices. (The code
                 wakes all, which asks less of those who leave.)
   A worker      ends its search and asks whether it is one too many. If so, and if a task is to be seen,
                 it wakes another: the wake that brought it here may have been meant for that task. Then
                 it ends. (The code's heavy barrier there is for submitters who count the workers before
                 they start one. A task that was left to this search is to be seen without it.) The second look, before it
                 sleeps, is for a task, for the close, or for being one too many.

   Claim: one worker leaves early, and the others run every task without being told to close.
   Claim with STOP_AT_ONCE, where the close may come at any moment: every worker ends, and every
   accepted task has run. (Growth needs no model: a new worker begins as one that was woken.)

   shape  PRODUCERS=2 WORKERS=2 TASKS=1 STOP_AT_ONCE=1
   shape  PRODUCERS=1 WORKERS=2 STOP_AT_ONCE=1
   shape  PRODUCERS=2 WORKERS=2 TASKS=1
   shape  PRODUCERS=1 WORKERS=3 TASKS=1
   shape  PRODUCERS=1 WORKERS=2
   mutant WAKE_NOT_FORWARDED         the submitter's wake ends with the worker that leaves
   mutant LEAVES_AS_A_SEARCHER       submitters rely for ever on one that has left
   mutant SECOND_LOOK_WITHOUT_RESIZE the resize may have come before the worker was on the stack
   mutant RESIZE_WAKES_NOBODY        all may be asleep */

#include "workers.inc"

bool closed = false;
byte accepted = 0;
byte ended = 0;
byte surplus = 0;
byte left_early = 0;

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

active proctype Resizer() {
  byte whom = WORKERS;
  surplus = 1;
#ifndef RESIZE_WAKES_NOBODY
  pop_idle(true, whom);
  wake(whom)
#endif
}

active proctype Closer() {
  byte whom = WORKERS;
#ifndef STOP_AT_ONCE
  ran == PRODUCERS * TASKS && left_early == 1; /* where nothing moves before this, a wake-up was lost */
#endif
  d_step { heavy_barrier(); closed = true };
  do
  :: sleepers > 0 -> pop_idle(true, whom); wake(whom)
  :: else -> break
  od
}

inline leave_early(whom) {
#ifndef WAKE_NOT_FORWARDED
  if
  :: visible > 0 -> wake_one(whom)
  :: else
  fi;
#endif
  left_early++
}

proctype Worker(byte me) {
  byte whom = WORKERS, at = 0;
  bool searches = false, got = false, more = false, off = false, saw_close = false, leaves = false;
  do
  :: true ->
#ifndef LEAVES_AS_A_SEARCHER
     stop_searching();
#endif
     d_step {
       leaves = surplus > 0;
       if
       :: leaves -> surplus--
       :: else -> saw_close = closed
       fi
     };
     if
     :: leaves -> leave_early(whom); break
     :: else
     fi;
#ifdef LEAVES_AS_A_SEARCHER
     stop_searching();
#endif
     take();
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
#ifdef SECOND_LOOK_WITHOUT_RESIZE
        park(me, visible > 0 || closed)
#else
        park(me, visible > 0 || closed || surplus > 0)
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
  ended == WORKERS;
  assert(ran == accepted && left_early <= 1 && searching == 0 && sleepers == 0)
}
