// An hour of samples for every pool, in ring buffers that share one clock.

const SIZE = 7200;
const PER_SECOND = 2;
const SHORTEST = 0.2;
const GAP = 5;

const PEAKS = ['depth', 'p99', 'oldest'];
const MEANS = ['p50', 'running', 'blocked', 'idle', 'active'];
const COUNTS = ['succeeded', 'failed'];
const SERIES = [...PEAKS, ...MEANS, ...COUNTS];

export function depthOf(pool) {
  return pool.queue.depth.reduce((sum, waiting) => sum + waiting, 0);
}

function newRings() {
  const rings = { last: null };
  for (const name of SERIES) rings[name] = new Float32Array(SIZE).fill(NaN);
  return rings;
}

// A counter that went down means a restarted server: the difference is unknown.
function increase(now, before) {
  return now >= before ? now - before : NaN;
}

function drawable(value) {
  return Number.isFinite(value) ? value : null;
}

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.times = new Float64Array(SIZE);
    this.count = 0;
    this.pools = new Map();
  }

  // Events that come in a bunch count as one sample: a rate over milliseconds says nothing.
  record(time, pools) {
    const since = time - this.latest();
    if (since < 0) this.clear();
    else if (since < SHORTEST) return;

    const slot = this.count % SIZE;
    this.times[slot] = time;
    const present = new Set();
    for (const pool of pools) {
      present.add(pool.name);
      let rings = this.pools.get(pool.name);
      if (!rings) this.pools.set(pool.name, rings = newRings());
      rings.depth[slot] = depthOf(pool);
      rings.p50[slot] = pool.wait.p50 ?? NaN;
      rings.p99[slot] = pool.wait.p99 ?? NaN;
      rings.oldest[slot] = pool.queue.oldest_age ?? NaN;
      rings.running[slot] = pool.workers.running;
      rings.blocked[slot] = pool.workers.blocked;
      rings.idle[slot] = pool.workers.idle;
      rings.active[slot] = pool.workers.active;
      const { succeeded, failed } = pool.tasks;
      rings.succeeded[slot] = rings.last ? increase(succeeded, rings.last.succeeded) : NaN;
      rings.failed[slot] = rings.last ? increase(failed, rings.last.failed) : NaN;
      rings.last = { succeeded, failed };
    }
    for (const name of this.pools.keys()) {
      if (!present.has(name)) this.pools.delete(name);
    }
    this.count++;
  }

  latest() {
    return this.count ? this.times[(this.count - 1) % SIZE] : 0;
  }

  // The number of the first kept sample that is at most `seconds` old.
  firstWithin(seconds) {
    const oldest = this.latest() - seconds;
    const limit = Math.max(0, this.count - SIZE);
    let first = this.count;
    while (first > limit && this.times[(first - 1) % SIZE] >= oldest) first--;
    return first;
  }

  // Columns to draw, at most about `points` long. Buckets are aligned to sample
  // numbers, so that a bucket once drawn keeps its value as time goes on.
  read(name, seconds, points = 360) {
    const columns = { times: [], latest: {} };
    for (const series of SERIES) columns[series] = [];
    const rings = this.pools.get(name);
    if (!rings) return columns;
    for (const series of [...PEAKS, ...MEANS]) columns.latest[series] = rings[series][(this.count - 1) % SIZE];

    const step = Math.max(2, Math.ceil(seconds * PER_SECOND / points));
    const totals = {};
    let samples = 0;
    let duration = 0;

    const reset = () => {
      for (const series of PEAKS) totals[series] = -Infinity;
      for (const series of MEANS) totals[series] = 0;
      for (const series of COUNTS) totals[series] = 0;
      samples = 0;
      duration = 0;
    };
    const close = (time, complete) => {
      if (!samples) return;
      columns.times.push(time);
      for (const series of PEAKS) columns[series].push(drawable(totals[series]));
      for (const series of MEANS) columns[series].push(drawable(totals[series] / samples));
      for (const series of COUNTS) {
        columns[series].push(complete && duration > 0 ? drawable(totals[series] / duration) : null);
      }
      reset();
    };
    const interrupt = (time) => {
      columns.times.push(time);
      for (const series of SERIES) columns[series].push(null);
    };

    reset();
    let before = NaN;
    for (let number = this.firstWithin(seconds); number < this.count; number++) {
      const slot = number % SIZE;
      const time = this.times[slot];
      if (time - before > GAP) {
        close(before, false);
        interrupt(before + 0.001);
        before = NaN;
      }
      for (const series of PEAKS) {
        const value = rings[series][slot];
        if (value > totals[series]) totals[series] = value;
      }
      for (const series of MEANS) totals[series] += rings[series][slot];
      if (before === before) {
        for (const series of COUNTS) totals[series] += rings[series][slot];
        duration += time - before;
      }
      samples++;
      before = time;
      if ((number + 1) % step === 0) close(time, true);
    }
    close(before, false);
    return columns;
  }

  // What ended in the last `seconds`, and over how many seconds that was seen.
  ended(name, seconds) {
    const sum = { succeeded: 0, failed: 0, seconds: 0 };
    const rings = this.pools.get(name);
    if (!rings) return sum;
    for (let number = this.firstWithin(seconds) + 1; number < this.count; number++) {
      const slot = number % SIZE;
      const succeeded = rings.succeeded[slot];
      const failed = rings.failed[slot];
      if (Number.isNaN(succeeded) || Number.isNaN(failed)) continue;
      sum.succeeded += succeeded;
      sum.failed += failed;
      sum.seconds += this.times[slot] - this.times[(number - 1) % SIZE];
    }
    return sum;
  }
}
