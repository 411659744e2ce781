// The page: header, list of pools, the selected pool; and what drives it.

import { html, render, useState } from '/assets/htm-preact.js';
import { Charts, drawCharts, readPalette } from '/assets/charts.js';
import { follow, getLog, hasToken, setToken } from '/assets/connection.js';
import { ActionDialog, Controls, KeysDialog } from '/assets/controls.js';
import { count, short } from '/assets/format.js';
import { depthOf } from '/assets/history.js';
import { Breakers, Classes, Log, Priorities, Scaling, Stuck, Tiles, Totals } from '/assets/panels.js';
import {
  applyTheme, history, isDark, marks, onThemeChange, RANGES, select, selectBy, selectedPool, shownPools, state, takeLog,
  takeSnapshot, toggleTheme, unhealthyCount,
} from '/assets/state.js';
import { applyLanguage, t, toggleLanguage } from '/assets/texts.js';

const REDRAW_INTERVAL = 450;
const LOG_INTERVAL = 1000;

const root = document.getElementById('app');

function update() {
  render(html`<${App} />`, root);
  drawCharts();
  const unhealthy = unhealthyCount();
  document.title = unhealthy ? t('title.unhealthy', { count: unhealthy }) : t('app.name');
}

let updated = 0;
let waiting = null;

function updateSoon() {
  if (waiting || document.hidden) return;
  waiting = setTimeout(() => {
    waiting = null;
    updated = performance.now();
    update();
  }, Math.max(0, updated + REDRAW_INTERVAL - performance.now()));
}

let readingLog = false;

async function readLog() {
  if (readingLog) return;
  readingLog = true;
  try {
    takeLog(await getLog());
    updateSoon();
  } catch {
    // The next event asks again.
  }
  setTimeout(() => { readingLog = false; }, LOG_INTERVAL);
}

function connect() {
  state.connection = 'connecting';
  follow({
    onSnapshot(snapshot) {
      takeSnapshot(snapshot, Date.now() / 1000);
      if (snapshot.log_sequence !== state.logSequence) readLog();
      updateSoon();
    },
    onLost() {
      state.connection = 'lost';
      state.logSequence = null;
      update();
    },
    onToken() {
      state.connection = 'token';
      state.tokenRefused = hasToken();
      setToken(null);
      update();
    },
  });
  update();
}

function openDialog(kind) {
  state.dialog = kind;
  update();
}

function closeDialog() {
  state.dialog = null;
  update();
}

function setRange(range) {
  state.range = range;
  update();
}

function choose(name) {
  select(name);
  update();
}

function step(offset) {
  selectBy(offset);
  update();
  root.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
}

function changeTheme() {
  toggleTheme();
  readPalette();
  update();
}

function changeLanguage() {
  toggleLanguage();
  applyLanguage();
  update();
}

function Header() {
  const theme = t(isDark() ? 'theme.toLight' : 'theme.toDark');
  return html`
    <header class="top">
      <h1>${t('app.name')}</h1>
      <span class=${`connection ${state.connection}`} role="status" data-testid="connection">
        ${state.connection !== 'token' && t(`connection.${state.connection}`)}
      </span>
      <div class="tools">
        <div class="segments" role="group" aria-label=${t('range')}>
          ${RANGES.map((range) => html`
            <button type="button" key=${range} aria-pressed=${String(range === state.range)} data-testid=${`range-${range}`}
              onClick=${() => setRange(range)}>${t(`range.${range}`)}</button>`)}
        </div>
        <button type="button" data-testid="theme-toggle" onClick=${changeTheme}>${theme}</button>
        <button type="button" data-testid="language-toggle" onClick=${changeLanguage}>${t('language.other')}</button>
        <button type="button" aria-label=${t('keys')} title=${t('keys')} onClick=${() => openDialog('keys')}>?</button>
      </div>
    </header>`;
}

function Marks({ pool }) {
  return marks(pool).map(([name, severity]) => html`<span key=${name} class=${`mark ${severity}`}>${t(`mark.${name}`)}</span>`);
}

function PoolItem({ pool, tabbable }) {
  const { workers, queue, tasks } = pool;
  const depth = depthOf(pool);
  const worst = marks(pool)[0];
  const fill = Math.min(1, depth / queue.capacity || 0);
  return html`
    <li role="option" aria-selected=${String(pool.name === state.selected)} tabindex=${tabbable ? 0 : -1}
      data-testid="pool-item" data-pool=${pool.name} onClick=${() => choose(pool.name)}>
      <span class="name"><i class=${`dot ${worst ? worst[1] : 'good'}`}></i><span>${pool.name}</span></span>
      ${worst && html`<span class=${`state ${worst[1]}`}>${t(`mark.${worst[0]}`)}</span>`}
      <span class="figures">
        <span>${t('item.depth')} <b data-testid="item-depth">${short(depth)}</b></span>
        <span>${t('item.busy')} <b>${workers.total - workers.idle}/${workers.total}</b></span>
        <span>${t('item.failed')} <b>${short(tasks.failed)}</b></span>
      </span>
      <span class="fill"><i style=${{ width: `${fill * 100}%` }}></i></span>
    </li>`;
}

const LIST_KEYS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

function onListKey(event) {
  const offset = LIST_KEYS[event.key];
  if (offset === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  step(offset);
  root.querySelector('[aria-selected="true"]')?.focus();
}

function PoolList() {
  const pools = shownPools();
  const unhealthy = unhealthyCount();
  const tabbable = pools.some((pool) => pool.name === state.selected) ? state.selected : pools[0]?.name;
  const setFilter = (event) => {
    state.filter = event.target.value;
    update();
  };
  return html`
    <nav aria-label=${t('pools')}>
      <div class="summary">
        <span>${t('pools.count', { count: count(state.pools.length) })}</span>
        ${unhealthy > 0 && html`<span class="mark bad">${t('pools.unhealthy', { count: unhealthy })}</span>`}
      </div>
      <input type="search" id="filter" placeholder=${t('pools.filter')} aria-label=${t('pools.filter')} value=${state.filter} onInput=${setFilter} />
      <ul role="listbox" aria-label=${t('pools')} onKeyDown=${onListKey}>
        ${pools.map((pool) => html`<${PoolItem} key=${pool.name} pool=${pool} tabbable=${pool.name === tabbable} />`)}
      </ul>
      ${pools.length === 0 && html`<p class="empty">${t(state.filter ? 'pools.none' : 'pools.empty')}</p>`}
    </nav>`;
}

function Detail({ pool }) {
  return html`
    <main class=${state.connection === 'live' ? '' : 'stale'}>
      <div class="title">
        <h2 data-testid="pool-name">${pool.name}</h2>
        <${Marks} pool=${pool} />
        <${Controls} pool=${pool} openDialog=${openDialog} />
      </div>
      <${Tiles} pool=${pool} />
      <${Charts} />
      <div class="panels">
        <${Classes} pool=${pool} />
        <${Stuck} pool=${pool} />
        <div class="column">
          <${Priorities} pool=${pool} />
          <${Log} pool=${pool} />
        </div>
        <div class="column">
          <${Breakers} pool=${pool} />
          <${Scaling} pool=${pool} />
        </div>
        <${Totals} pool=${pool} />
      </div>
    </main>`;
}

function TokenForm() {
  const [token, setValue] = useState('');
  const send = (event) => {
    event.preventDefault();
    setToken(token);
    connect();
  };
  return html`
    <form class="card token" onSubmit=${send}>
      <h2>${t('token.title')}</h2>
      ${state.tokenRefused && html`<p class="error" role="alert">${t('token.refused')}</p>`}
      <label class="field"><span>${t('token.label')}</span>
        <input type="password" required autocomplete="off" value=${token} data-testid="token-field"
          onInput=${(event) => setValue(event.target.value)} />
      </label>
      <div class="buttons"><button type="submit" class="primary" data-testid="token-send">${t('token.send')}</button></div>
    </form>`;
}

function Dialogs({ pool }) {
  if (state.dialog === 'keys') return html`<${KeysDialog} onClose=${closeDialog} />`;
  if (state.dialog && pool) return html`<${ActionDialog} kind=${state.dialog} pool=${pool} onClose=${closeDialog} />`;
  return null;
}

function bannerNow() {
  if (state.connection === 'lost') return html`<p class="banner bad" role="alert">${t('banner.lost')}</p>`;
  if (state.draining) return html`<p class="banner warn" role="status">${t('banner.draining')}</p>`;
  return null;
}

function App() {
  if (state.connection === 'token') return html`<div class="page"><${Header} /><${TokenForm} /></div>`;
  const pool = selectedPool();
  const banner = bannerNow();
  const known = history.count > 0;
  return html`
    <div class=${banner ? 'page announcing' : 'page'}>
      <${Header} />
      ${banner}
      <div class="body">
        ${known && html`<${PoolList} />`}
        ${pool && html`<${Detail} pool=${pool} />`}
      </div>
      <${Dialogs} pool=${pool} />
    </div>`;
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || state.dialog) return;
  if (event.target.matches('input, select, textarea')) return;
  const actions = {
    '[': () => step(-1),
    ']': () => step(1),
    '/': () => document.getElementById('filter')?.focus(),
    '?': () => openDialog('keys'),
    1: () => setRange(RANGES[0]),
    2: () => setRange(RANGES[1]),
    3: () => setRange(RANGES[2]),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

applyTheme();
applyLanguage();
readPalette();
onThemeChange(() => {
  applyTheme();
  readPalette();
  update();
});
document.addEventListener('keydown', onKey);
document.addEventListener('visibilitychange', updateSoon);
connect();
