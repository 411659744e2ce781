// The panels below the charts.

import { html, useState } from '/assets/htm-preact.js';
import { clock, count, duration, percent, rate, setting } from '/assets/format.js';
import { depthOf } from '/assets/history.js';
import { history, state } from '/assets/state.js';
import { t, word } from '/assets/texts.js';

const OUTCOMES = ['succeeded', 'failed', 'cancelled', 'expired', 'discarded', 'abandoned'];
const RECENT = 50;
const LOG_SHOWN = 200;

function Tile({ name, value, note, bad }) {
  return html`
    <div class="tile">
      <dt>${t(`tile.${name}`)}</dt>
      <dd class=${bad ? 'bad' : ''} data-testid=${`tile-${name}`}>${value}</dd>
      <dd class="note">${note}</dd>
    </div>`;
}

export function Tiles({ pool }) {
  const { workers, queue } = pool;
  const shown = history.ended(pool.name, state.range);
  const recent = history.ended(pool.name, 10);
  return html`
    <dl class="tiles">
      <${Tile} name="depth" value=${count(depthOf(pool))} note=${t('tile.depth.note', {
        capacity: count(queue.capacity), putOff: count(queue.put_off), delayed: count(queue.delayed),
      })} bad=${pool.overloaded} />
      <${Tile} name="busy" value=${count(workers.total - workers.idle)}
        note=${t('tile.busy.note', { total: count(workers.total), min: count(workers.min), max: count(workers.max) })} />
      <${Tile} name="throughput"
        value=${rate((recent.succeeded + recent.failed) / recent.seconds)}
        note=${t('tile.throughput.note')} />
      <${Tile} name="errors" value=${percent(shown.failed, shown.succeeded + shown.failed)}
        note=${t('tile.errors.note', { failed: count(shown.failed), range: t(`range.${state.range}`) })} />
      <${Tile} name="oldest" value=${duration(queue.oldest_age ?? NaN)} note=${t('tile.oldest.note')} />
      <${Tile} name="wait" value=${duration(pool.wait.p99 ?? NaN)}
        note=${t('tile.wait.note', { p50: duration(pool.wait.p50 ?? NaN) })} />
    </dl>`;
}

function Panel({ name, note, wide, testid, children }) {
  return html`
    <section class=${wide ? 'card wide' : 'card'} aria-labelledby=${`panel-${name}`} data-testid=${testid}>
      <header><h3 id=${`panel-${name}`}>${t(name)}</h3>${note}</header>
      ${children}
    </section>`;
}

const Empty = ({ text }) => html`<p class="empty">${t(text)}</p>`;

function worst(rows, part) {
  const values = rows.map((row) => row[part].p99).filter(Number.isFinite);
  return values.length ? Math.max(...values) : NaN;
}

export function Classes({ pool }) {
  const outcomes = new Set(['succeeded', 'failed']);
  for (const name of OUTCOMES) {
    if (pool.classes.some((row) => row.ended[name] > 0)) outcomes.add(name);
  }
  return html`
    <${Panel} name="classes" wide>
      <div class="scroll" tabindex="0" role="group" aria-labelledby="panel-classes">
        <table data-testid="class-table">
          <thead><tr>
            <th scope="col">${t('classes.name')}</th>
            ${[...outcomes].map((name) => html`<th scope="col" class="number">${t(`outcome.${name}`)}</th>`)}
            <th scope="col" class="number">${t('classes.retries')}</th>
            <th scope="col" class="number" title=${t('classes.worst')}>${t('classes.waitP99')}</th>
            <th scope="col" class="number" title=${t('classes.worst')}>${t('classes.runP99')}</th>
          </tr></thead>
          <tbody>
            ${pool.classes.map((row) => {
              const times = pool.times.filter((entry) => entry.class === row.name);
              return html`<tr key=${row.name}>
                <th scope="row">${row.name || t('classes.none')}</th>
                ${[...outcomes].map((name) => html`
                  <td class="number">${count(row.ended[name] ?? 0)}</td>`)}
                <td class="number">${count(row.retries)}</td>
                <td class="number">${duration(worst(times, 'wait'))}</td>
                <td class="number">${duration(worst(times, 'run'))}</td>
              </tr>`;
            })}
          </tbody>
        </table>
      </div>
    <//>`;
}

export function Priorities({ pool }) {
  const { depth } = pool.queue;
  const most = Math.max(1, ...depth);
  return html`
    <${Panel} name="priorities">
      <table class="priorities" data-testid="priority-table">
        <thead class="hidden"><tr><th scope="col">${t('priorities.priority')}</th><th></th><th scope="col">${t('priorities.depth')}</th></tr></thead>
        <tbody>
          ${depth.map((waiting, number) => html`<tr key=${number}>
            <th scope="row">${number === 0 ? t('priorities.highest', { number }) : number}</th>
            <td class="bar"><i style=${{ width: `${waiting / most * 100}%` }}></i></td>
            <td class="number">${count(waiting)}</td>
          </tr>`)}
        </tbody>
      </table>
    <//>`;
}

const severity = (breaker) => ({ closed: 'good', open: 'bad' }[breaker.state] ?? 'warn');

export function Breakers({ pool }) {
  return html`
    <${Panel} name="breakers" testid="breakers">
      ${pool.breakers.length === 0 ? html`<${Empty} text="breakers.none" />` : html`
        <ul class="rows">
          ${pool.breakers.map((breaker) => html`<li key=${`${breaker.name} ${breaker.class}`} class="pair">
            <span class="break">${breaker.name}${breaker.class ? html`<small> ${breaker.class}</small>` : ''}</span>
            <span class=${`mark ${severity(breaker)}`}>${word('breaker', breaker.state)}</span>
          </li>`)}
        </ul>`}
    <//>`;
}

export function Totals({ pool }) {
  const { tasks } = pool;
  const rows = [
    [t('totals.accepted'), count(tasks.accepted)],
    [t('totals.waiting'), count(tasks.waiting)],
    [t('totals.running'), count(tasks.running)],
    ...OUTCOMES.map((name) => [t(`outcome.${name}`), count(tasks[name])]),
    ...Object.entries(pool.refused).map(([reason, times]) => [t('totals.refused', { reason }), count(times)]),
    [t('totals.runP99'), `${duration(pool.run.p50 ?? NaN)} / ${duration(pool.run.p99 ?? NaN)}`],
    [t('totals.compensating'), count(pool.workers.compensating)],
    [t('totals.deadlocks'), count(pool.deadlocks)],
    [t('totals.steals'), count(pool.steals)],
    [t('totals.parks'), count(pool.parks)],
    [t('totals.replicas'), count(pool.desired_replicas_hint)],
  ];
  return html`
    <${Panel} name="totals" wide>
      <dl class="rows columns">
        ${rows.map(([name, value]) => html`<div class="pair" key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
      </dl>
    <//>`;
}

const entriesOf = (pool, kind) => state.log.filter((entry) => entry.pool === pool.name && entry.kind === kind).reverse();

const Time = ({ entry }) => html`<time datetime=${new Date(entry.time * 1000).toISOString()}>${clock(entry.time)}</time>`;

function StuckTask({ entry }) {
  return html`
    <details data-testid="stuck-task">
      <summary>
        <${Time} entry=${entry} />
        <strong>${setting(entry.task)}</strong>
        <span>${entry.class || t('classes.none')}</span>
        <span>${t('stuck.worker', { worker: entry.worker })}</span>
        <span>${word('stuck', entry.doing)}</span>
        <span>${t('stuck.times', { age: duration(entry.age), cpu: duration(entry.cpu ?? NaN) })}</span>
      </summary>
      ${entry.stack?.length
        ? html`<pre tabindex="0">${entry.stack.join('\n')}</pre>`
        : html`<p class="empty">${t('stuck.noStack', { why: setting(entry.why_no_stack) })}</p>`}
    </details>`;
}

export function Stuck({ pool }) {
  const entries = entriesOf(pool, 'stuck');
  const now = pool.stuck > 0 && html`<span class="mark bad">${t('stuck.now', { count: pool.stuck })}</span>`;
  return html`
    <${Panel} name="stuck" note=${now} wide testid="stuck-list">
      ${entries.map((entry) => html`<${StuckTask} key=${entry.number} entry=${entry} />`)}
      ${entries.length === 0 && html`<${Empty} text=${pool.stuck > 0 ? 'stuck.unlisted' : 'stuck.none'} />`}
    <//>`;
}

const scalingText = (entry) => t('scaling.text', {
  from: entry.from,
  to: entry.to,
  rule: entry.rule,
  event: entry.event,
  waiting: count(entry.waiting),
  oldest: duration(entry.oldest_wait ?? NaN),
});

export function Scaling({ pool }) {
  const entries = entriesOf(pool, 'scaling').slice(0, RECENT);
  return html`
    <${Panel} name="scaling" testid="scaling-list">
      ${pool.scalings.length === 0 ? html`<${Empty} text="scaling.none" />` : html`
        <table>
          <thead><tr>
            <th scope="col">${t('scaling.direction')}</th>
            <th scope="col">${t('scaling.reason')}</th>
            <th scope="col" class="number">${t('scaling.times')}</th>
          </tr></thead>
          <tbody>
            ${pool.scalings.map((row) => html`<tr key=${`${row.direction} ${row.reason}`}>
              <td>${word('scaling', row.direction)}</td><td>${row.reason}</td><td class="number">${count(row.times)}</td>
            </tr>`)}
          </tbody>
        </table>`}
      ${entries.length > 0 && html`
        <h4>${t('scaling.recent')}</h4>
        <ul class="rows tall" tabindex="0" aria-label=${t('scaling.recent')}>
          ${entries.map((entry) => html`<li key=${entry.number} class="entry"><${Time} entry=${entry} /><span>${scalingText(entry)}</span></li>`)}
        </ul>`}
    <//>`;
}

export const changeText = (change) => `${change.name}: ${setting(change.from)} → ${setting(change.to)}`;

function entryText(entry) {
  switch (entry.kind) {
    case 'scaling':
      return scalingText(entry);
    case 'stuck':
      return t('log.stuck', {
        task: setting(entry.task), worker: entry.worker, doing: word('stuck', entry.doing), age: duration(entry.age),
      });
    case 'steered':
      return [word('action', entry.action), ...(entry.changes ?? []).map(changeText)].join('; ');
    default:
      return entry.text ?? '';
  }
}

const KINDS = ['any', 'steered', 'scaling', 'stuck', 'deadlock'];

export function Log({ pool }) {
  const [kind, setKind] = useState('steered');
  const [all, setAll] = useState(false);
  const entries = state.log
    .filter((entry) => (all || entry.pool === pool.name) && (kind === 'any' || entry.kind === kind))
    .slice(-LOG_SHOWN)
    .reverse();
  const choices = html`
    <span class="choices">
      <select aria-label=${t('log.kind')} value=${kind} onChange=${(event) => setKind(event.target.value)}>
        ${KINDS.map((name) => html`<option key=${name} value=${name}>${t(`kind.${name}`)}</option>`)}
      </select>
      <label><input type="checkbox" checked=${all} onChange=${(event) => setAll(event.target.checked)} /> ${t('log.all')}</label>
    </span>`;
  return html`
    <${Panel} name="log" note=${choices}>
      <ul class="rows tall" data-testid="log-list" tabindex="0" aria-labelledby="panel-log">
        ${entries.map((entry) => html`<li key=${entry.number} class="entry">
          <${Time} entry=${entry} />
          <span>${all && html`<strong>${entry.pool}</strong> `}${kind === 'any' && html`<em>${word('kind', entry.kind)}</em> `}${entryText(entry)}</span>
        </li>`)}
      </ul>
      ${entries.length === 0 && html`<${Empty} text="log.none" />`}
    <//>`;
}
