/* Is a wake-up ever lost between a submitter that sees nobody asleep and a worker that goes to sleep?

   A submitter   publishes the task; light barrier, which orders the compiler and costs the processor
                 nothing; looks at the sleepers, and wakes one if nobody searches.
   A worker      that finds nothing looks once more as a searcher, and then parks: it enters the idle
                 stack; heavy barrier; looks again; sleeps on its own token.
   The last      to stop searching, because it found a task, wakes another worker if there are more.

   Claim: every task runs.
   Claim with MEET: as many tasks run at once as there are workers. Each task waits until all have
   started, as tasks do that meet at a barrier; or as a short one does that is queued behind a long one
   while a worker sleeps. This takes a second heavy barrier, where the last searcher passes the
   search on: a submitter may have seen it search, and told nobody, with its task in the store buffer.

   shape  PRODUCERS=2 WORKERS=2
   shape  PRODUCERS=1 WORKERS=3
   shape  PRODUCERS=1 WORKERS=2
   mutant NO_HEAVY_BARRIER    the task may still be in a store buffer at the second look
   mutant NO_SECOND_LOOK      the task may have come before the worker was on the stack
   mutant TOKEN_LEFT_BEHIND   who was popped does not wait for its token, which wakes its next sleep
   mutant WAKES_NOBODY        the submitter does not look at the sleepers
   mutant LOOKS_FIRST         the submitter looks before it publishes
   shape  PRODUCERS=2 WORKERS=2 TASKS=1 MEET=1
   shape  PRODUCERS=1 WORKERS=3 TASKS=3 MEET=1
   shape  PRODUCERS=1 WORKERS=2 TASKS=2 MEET=1
   mutant PASSES_NOTHING_ON   the last searcher runs its task and wakes nobody
   mutant PASSES_ON_TOO_SOON  it looks for more before all that was published is visible */

#include "workers.inc"

#define all_tasks (PRODUCERS * TASKS)

proctype Producer(byte me) {
  byte sent = 0, whom = WORKERS;
  bool somebody;
  do
  :: sent < TASKS ->
#ifdef LOOKS_FIRST
     somebody = sleepers > 0 && searching == 0;
     buffered[me]++;
#else
     buffered[me]++;
     somebody = sleepers > 0 && searching == 0; /* light barrier: maybe before the store lands */
#endif
#ifndef WAKES_NOBODY
     if
     :: somebody -> wake_for(me, whom)
     :: else
     fi;
#endif
     d_step { sent++; somebody = false }
  :: else -> break
  od
}

inline pass_the_search_on(whom) {
  stop_searching();
#ifndef PASSES_NOTHING_ON
#if defined(MEET) && !defined(PASSES_ON_TOO_SOON)
  heavy_barrier();
#endif
  if
  :: visible > 0 -> wake_one(whom)
  :: else
  fi
#endif
}

proctype Worker(byte me) {
  byte whom = WORKERS, at = 0;
  bool searches = true, got, off = false;
  do
  :: d_step { got = visible > 0; if :: got -> visible-- :: else fi };
     if
     :: got ->
        if
        :: searches -> pass_the_search_on(whom)
        :: else
        fi;
        ran++;
#ifdef MEET
        ran == all_tasks
#endif
     :: !got && !searches -> d_step { searching++; searches = true }
     :: !got && searches -> park(me, visible > 0)
     fi;
     got = false
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
