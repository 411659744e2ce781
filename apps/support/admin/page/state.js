// What the page knows and what is chosen in it.

import { History } from '/assets/history.js';
import { recall, remember } from '/assets/storage.js';

export const RANGES = [60, 600, 3600];

const LOG_KEPT = 2000;

export const history = new History();

export const state = {
  connection: 'connecting',
  draining: false,
  pools: [],
  log: [],
  logSequence: null,
  selected: decodeName(location.hash.slice(1)),
  range: RANGES[0],
  filter: '',
  dialog: null,
  tokenRefused: false,
};

function decodeName(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

export function takeSnapshot(snapshot, time) {
  state.connection = 'live';
  state.draining = snapshot.draining;
  state.pools = snapshot.pools;
  history.record(time, snapshot.pools);
  if (!selectedPool() && state.pools.length) {
    state.selected = state.pools[0].name;
    state.dialog = null;
  }
}

// The server keeps few entries: keep those it has dropped, until the connection is lost.
export function takeLog({ sequence, entries }) {
  const last = state.log.at(-1)?.number ?? 0;
  state.log = state.logSequence === null
    ? entries
    : state.log.concat(entries.filter((entry) => entry.number > last)).slice(-LOG_KEPT);
  state.logSequence = sequence;
}

export function selectedPool() {
  return state.pools.find((pool) => pool.name === state.selected);
}

export function shownPools() {
  const wanted = state.filter.trim().toLowerCase();
  return wanted ? state.pools.filter((pool) => pool.name.toLowerCase().includes(wanted)) : state.pools;
}

export function select(name) {
  state.selected = name;
  window.history.replaceState(null, '', `#${encodeURIComponent(name)}`);
}

export function selectBy(offset) {
  const pools = shownPools();
  if (!pools.length) return;
  const at = pools.findIndex((pool) => pool.name === state.selected);
  const next = at < 0 ? 0 : Math.min(pools.length - 1, Math.max(0, at + offset));
  select(pools[next].name);
}

const open = (breaker) => breaker.state !== 'closed';

// Marks to show beside a pool, the gravest first, each [text key, severity].
export function marks(pool) {
  const found = [];
  if (pool.stuck > 0) found.push(['stuck', 'bad']);
  if (pool.overloaded) found.push(['overloaded', 'bad']);
  if (pool.breakers.some(open)) found.push(['breakerOpen', 'bad']);
  if (pool.closed) found.push(['closed', 'note']);
  if (pool.paused) found.push(['paused', 'warn']);
  return found;
}

export function unhealthyCount() {
  return state.pools.filter((pool) => marks(pool).some(([, severity]) => severity === 'bad')).length;
}

const darkQuery = matchMedia('(prefers-color-scheme: dark)');

export function isDark() {
  const chosen = recall(localStorage, 'millpool.theme');
  return chosen ? chosen === 'dark' : darkQuery.matches;
}

export function applyTheme() {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
}

export function toggleTheme() {
  remember(localStorage, 'millpool.theme', isDark() ? 'light' : 'dark');
  applyTheme();
}

export function onThemeChange(callback) {
  darkQuery.addEventListener('change', callback);
}
