/* Does a producer that waits for room in a full channel ever wait for ever?

   A producer   that finds the channel full registers as waiting and notes the turn, both under the
                channel's lock; leaves the lock; and sleeps while the turn is what it noted: a futex,
                or a condition variable, which is the same. Woken, it looks again, for another may
                have taken the room. One whose time is up looks a last time, under the lock.
   A consumer   that made room strikes one off those that wait and moves the turn, under the lock; and
                then wakes one sleeper, whichever.
   The close    moves the turn and wakes all. Larger capacity does the same.

   Claims: the capacity is never exceeded; every producer comes back; every value that was accepted is
   taken; after the close nothing is accepted.

   All that is shared changes under the lock, so that store buffers do not matter. Consumers wait
   without a fault here: how workers sleep is what park is about.

   shape  PRODUCERS=3 VALUES=2 CAPACITY=1
   mutant CLOSE_WAKES_ONE        where three wait, one sleeps on
   shape  PRODUCERS=2 VALUES=2 CAPACITY=2
   shape  PRODUCERS=2 VALUES=2 CAPACITY=1
   mutant CONSUMER_WAKES_NOBODY  nobody tells who waits of the room
   mutant SLEEPS_UNSEEN          registers after it has left the lock: the room may have come before
   mutant SLEEPS_ON_ANY_TURN     does not compare the turn: the wake may have come before the sleep
   mutant PUSHES_WHEN_WOKEN      does not look again: another may have taken the room
   mutant CLOSE_WAKES_NOBODY     producers sleep on
   shape  PRODUCERS=3 VALUES=1 CAPACITY=1 GIVES_UP=1 NO_CLOSE=1
   mutant NO_LAST_LOOK           a producer that gives up keeps a wake that another needed
   shape  PRODUCERS=2 VALUES=1 CAPACITY=1 GROWS=1
   mutant GROWTH_WAKES_ONE       there is room for two, and one sleeps on */

#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef VALUES
#define VALUES 2 /* of each producer */
#endif
#ifndef CAPACITY
#define CAPACITY 1
#endif

bool locked = false;

/* Under the lock: */
byte capacity = CAPACITY;
#ifdef GROWS
byte inside = CAPACITY; /* nobody consumes: the larger capacity is the only room */
#else
byte inside = 0;
#endif
byte waiting = 0;
bool closed = false;

byte turn = 0;            /* the futex word; moved under the lock */
bool asleep[PRODUCERS];
byte accepted = 0, taken = 0, gave_up = 0, came_back = 0;

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

/* The kernel compares and sleeps in one step. */
inline futex_wait(me, noted) {
  d_step {
    if
#ifndef SLEEPS_ON_ANY_TURN
    :: turn != noted
    :: turn == noted -> asleep[me] = true
#else
    :: asleep[me] = true
#endif
    fi
  };
#ifdef GIVES_UP
  if
  :: !asleep[me]
  :: me == 0 -> d_step { asleep[me] = false; time_is_up = true } /* at any moment, also if just woken */
  fi
#else
  !asleep[me]
#endif
}

inline futex_wake_one() {
  atomic {
    if
    :: asleep[0] -> asleep[0] = false
    :: asleep[1] -> asleep[1] = false
#if PRODUCERS > 2
    :: asleep[2] -> asleep[2] = false
    :: !asleep[0] && !asleep[1] && !asleep[2]
#else
    :: !asleep[0] && !asleep[1]
#endif
    fi
  }
}

inline futex_wake_all() {
  d_step {
    asleep[0] = false;
    asleep[1] = false;
#if PRODUCERS > 2
    asleep[2] = false
#endif
  }
}

proctype Producer(byte me) {
  byte sent = 0, noted = 0;
  bool time_is_up = false, pushes = false;
  do
  :: sent < VALUES ->
     lock();
     do
     :: closed -> break
     :: !closed && (inside < capacity || pushes) ->
        d_step { inside++; accepted++; assert(inside <= capacity) };
        break
     :: !closed && inside >= capacity && !pushes ->
        if
        :: time_is_up -> gave_up++; break
        :: !time_is_up ->
#ifdef SLEEPS_UNSEEN
           noted = turn;
           unlock();
           waiting++;
#else
           d_step { waiting++; noted = turn };
           unlock();
#endif
           futex_wait(me, noted);
#ifdef NO_LAST_LOOK
           if
           :: time_is_up -> lock(); gave_up++; break
           :: else
           fi;
#endif
#ifdef PUSHES_WHEN_WOKEN
           pushes = true;
#endif
           lock()
        fi
     od;
     unlock();
     d_step { sent++; noted = 0; time_is_up = false; pushes = false }
  :: else -> break
  od;
  came_back++
}

#ifdef GROWS
active proctype Grower() {
  lock();
  d_step { capacity = capacity + PRODUCERS; turn++; waiting = 0 };
  unlock();
#ifdef GROWTH_WAKES_ONE
  futex_wake_one()
#else
  futex_wake_all()
#endif
}
#else

active proctype Consumer() {
  bool somebody = false;
end:
  do
  :: atomic { !locked && inside > 0 -> locked = true };
     d_step {
       inside--;
       taken++;
       somebody = waiting > 0;
       if
       :: somebody -> waiting--; turn++
       :: else
       fi
     };
     unlock();
     if
#ifndef CONSUMER_WAKES_NOBODY
     :: somebody -> somebody = false; futex_wake_one()
     :: !somebody
#else
     :: somebody = false
#endif
     fi
  od
}
#endif

#if !defined(GROWS) && !defined(NO_CLOSE)
/* At any moment, with what was accepted still inside; or never, lest it hide a lost wake-up. */
active proctype Closer() {
  if
  :: true ->
     lock();
     d_step { closed = true; turn++ };
     unlock();
#ifdef CLOSE_WAKES_ONE
     futex_wake_one()
#else
#ifndef CLOSE_WAKES_NOBODY
     futex_wake_all()
#endif
#endif
  :: true
  fi
}
#endif

init {
  byte i = 0;
  atomic {
    do
    :: i < PRODUCERS -> run Producer(i); i++
    :: else -> break
    od;
    i = 0
  }
  came_back == PRODUCERS; /* where nothing moves before this, a producer sleeps for ever */
#ifdef GROWS
  assert(accepted == PRODUCERS * VALUES)
#else
  taken == accepted;
  assert(closed || accepted + gave_up == PRODUCERS * VALUES)
#endif
}
