/* Is a wake-up ever lost between a submitter that sees nobody asleep and a worker that goes to sleep?

   A submitter   publishes the task; light barrier, which orders the compiler and costs the processor
                 nothing; looks who searches and who sleeps, in one word. If somebody searches it looks
                 again by a read-modify-write; if nobody does and somebody sleeps, it wakes one.
   A worker      ends its search, by a read-modify-write, and then takes a task. If that leaves more it
                 wakes another.
                 One that finds nothing looks once more, one at a time as a searcher, and then parks: it
                 enters the idle stack; heavy barrier; looks again; sleeps on its own token.
                 One that was woken and does not run yet counts as the searcher, until another takes its
                 search over.

   Claim: every task runs.
   Claim with MEET: as many tasks run at once as there are workers. Each task waits until all have
   started, as tasks do that meet at a barrier; or as a short one does that is queued behind a long one
   while a worker sleeps. Here the order of the worker's two steps matters, and the second look of the
   submitter: who is seen to search, after the task has left the store buffer, takes that task or sees
   it left.

   Dozing is not in it. Among short tasks a submitter may leave a task to a worker that sleeps for at
   most a millisecond: then this claim holds up to that time.

   shape  PRODUCERS=2 WORKERS=2
   shape  PRODUCERS=1 WORKERS=3
   shape  PRODUCERS=1 WORKERS=2
   mutant NO_HEAVY_BARRIER    the task may still be in a store buffer at the second look
   mutant NO_SECOND_LOOK      the task may have come before the worker was on the stack
   mutant TOKEN_LEFT_BEHIND   who was popped does not wait for its token, which wakes its next sleep
   mutant WAKES_NOBODY        the submitter does not look at the sleepers
   mutant LOOKS_FIRST         the submitter looks before it publishes
   mutant RELEASED_STILL_COUNTS  it ends a search that another has taken over
   shape  PRODUCERS=2 WORKERS=2 TASKS=1 MEET=1
   shape  PRODUCERS=1 WORKERS=3 TASKS=3 MEET=1
   shape  PRODUCERS=1 WORKERS=2 TASKS=2 MEET=1
   mutant PASSES_NOTHING_ON   who takes a task and leaves more wakes nobody
   mutant TAKES_FIRST         ends its search after it has taken: the new task was left to this search
   mutant TRUSTS_A_SEARCHER   the submitter looks once: its task is in the store buffer when the search ends */

#include "workers.inc"

#define all_tasks (PRODUCERS * TASKS)

proctype Producer(byte me) {
  byte sent = 0, whom = WORKERS;
  bool sees_search = false, sees_sleep = false;
  do
  :: sent < TASKS ->
#ifdef LOOKS_FIRST
     look_and_wake(me, whom);
     buffered[me]++;
#else
     buffered[me]++;
#ifndef WAKES_NOBODY
     look_and_wake(me, whom);
#endif
#endif
     sent++
  :: else -> break
  od
}

proctype Worker(byte me) {
  byte whom = WORKERS, at = 0;
  bool searches = false, got = false, more = false, off = false;
  do
  :: true ->
#ifdef TAKES_FIRST
     take();
     if
     :: got -> stop_searching()
     :: else
     fi;
#else
     stop_searching();
     take();
#endif
     if
     :: got ->
#ifndef PASSES_NOTHING_ON
        if
        :: more -> wake_one(whom)
        :: else
        fi;
#endif
        ran++;
#ifdef MEET
        ran == all_tasks
#endif
     :: !got ->
        if
        :: start_search()
        :: true /* among short tasks, not always */
        fi;
        if
        :: searches && visible > 0 /* it has seen something, and looks properly */
        :: park(me, visible > 0)
        fi
     fi;
     d_step { got = false; more = false }
  od
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
  ran == all_tasks; /* where nothing moves before this, a wake-up was lost */
  assert(visible == 0)
}
