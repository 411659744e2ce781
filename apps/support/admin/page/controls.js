// Steering a pool: the buttons, and the dialog that asks before anything is done.

import { html, useEffect, useLayoutEffect, useRef, useState } from '/assets/htm-preact.js';
import { getPool, steer, TokenNeeded } from '/assets/connection.js';
import { depthOf } from '/assets/history.js';
import { changeText } from '/assets/panels.js';
import { count } from '/assets/format.js';
import { state } from '/assets/state.js';
import { t } from '/assets/texts.js';

// Offered as suggestions: the server decides what it takes.
const WHEN_FULL = ['block', 'block_for', 'reject', 'caller_runs', 'discard_oldest', 'discard_newest', 'discard_lowest'];

export function Controls({ pool, openDialog }) {
  const disabled = state.connection !== 'live' || pool.closed;
  const button = (kind) => html`
    <button type="button" data-testid=${`${kind}-button`} disabled=${disabled} onClick=${() => openDialog(kind)}>
      ${t(`action.${kind}`)}
    </button>`;
  return html`<div class="controls">
    ${button(pool.paused ? 'resume' : 'pause')}${button('resize')}${button('queue')}
  </div>`;
}

export function Modal({ title, testid, onClose, children }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" data-testid=${testid} onClose=${onClose}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
    </dialog>`;
}

const closeAround = (event) => event.currentTarget.closest('dialog').close();

function CloseButton() {
  const button = useRef();
  useLayoutEffect(() => {
    button.current.focus();
  }, []);
  return html`<div class="buttons">
    <button type="button" class="primary" ref=${button} data-testid="dialog-close" onClick=${closeAround}>${t('dialog.close')}</button>
  </div>`;
}

function NumberField({ name, value, onValue, testid }) {
  return html`<label class="field"><span>${t(`dialog.${name}`)}</span>
    <input type="number" min="0" step="1" inputmode="numeric" required value=${value} data-testid=${testid}
      onInput=${(event) => onValue(event.target.value)} />
  </label>`;
}

function ResizeFields({ values, setValues }) {
  const set = (name) => (value) => setValues({ ...values, [name]: value });
  return html`<div class="fields">
    <${NumberField} name="min" testid="resize-min" value=${values.min} onValue=${set('min')} />
    <${NumberField} name="max" testid="resize-max" value=${values.max} onValue=${set('max')} />
  </div>`;
}

function QueueFields({ values, setValues }) {
  const set = (name) => (value) => setValues({ ...values, [name]: value });
  return html`<div class="fields">
    <${NumberField} name="capacity" testid="queue-capacity" value=${values.capacity} onValue=${set('capacity')} />
    <label class="field"><span>${t('dialog.whenFull')}</span>
      <input type="text" list="when-full" required autocomplete="off" spellcheck=${false} value=${values.whenFull}
        data-testid="queue-when-full" onInput=${(event) => set('whenFull')(event.target.value)} />
    </label>
    <datalist id="when-full">${WHEN_FULL.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
  </div>`;
}

// What each kind of dialog sends, and the sentences that say what that will do.
const KINDS = {
  pause: {
    order: () => ({ action: 'pause' }),
    sentences: (pool) => [
      t('dialog.pause.text', { running: count(pool.tasks.running), waiting: count(depthOf(pool)) }),
    ],
  },
  resume: {
    order: () => ({ action: 'resume' }),
    sentences: (pool) => [t('dialog.resume.text', { waiting: count(depthOf(pool)) })],
  },
  resize: {
    fields: ResizeFields,
    initial: (pool) => ({ min: String(pool.workers.min), max: String(pool.workers.max) }),
    order: ({ min, max }) => ({ action: 'resize', min_workers: Number(min), max_workers: Number(max) }),
    sentences: ({ workers }, { min, max }) => {
      if (min === '' || max === '' || Number(min) > Number(max)) return [];
      if (Number(min) === workers.min && Number(max) === workers.max) return [t('dialog.nothing')];
      const texts = [t('dialog.resize.text', {
        min, max, oldMin: workers.min, oldMax: workers.max, total: workers.total,
      })];
      if (workers.total > max) texts.push(t('dialog.resize.fewer', { count: workers.total - max }));
      if (workers.total < min) texts.push(t('dialog.resize.more', { count: min - workers.total }));
      return texts;
    },
    unchanged: ({ workers }, { min, max }) => Number(min) === workers.min && Number(max) === workers.max,
  },
  queue: {
    fields: QueueFields,
    initial: (pool) => ({ capacity: String(pool.queue.capacity), whenFull: '', before: null }),
    order: (values) => ({ action: 'reconfigure', options: queueChanges(values) }),
    sentences: (pool, values) => {
      if (!values.before) return [];
      const { queue_capacity: capacity, when_full: whenFull } = queueChanges(values);
      const texts = [];
      if (capacity !== undefined && values.capacity !== '') {
        texts.push(t('dialog.queue.capacity', { from: values.before.queue_capacity, to: capacity }));
      }
      if (whenFull !== undefined) {
        texts.push(t('dialog.queue.whenFull', { from: values.before.when_full, to: whenFull }));
      }
      return texts.length ? texts : [t('dialog.nothing')];
    },
    unchanged: (pool, values) => !values.before || Object.keys(queueChanges(values)).length === 0,
  },
};

function queueChanges({ before, capacity, whenFull }) {
  const options = {};
  if (Number(capacity) !== before.queue_capacity) options.queue_capacity = Number(capacity);
  if (whenFull !== before.when_full) options.when_full = whenFull;
  return options;
}

async function send(name, order) {
  try {
    return await steer(name, order);
  } catch (error) {
    return { error: t(error instanceof TokenNeeded ? 'token.refused' : 'dialog.unreachable') };
  }
}

export function ActionDialog({ kind, pool, onClose }) {
  const { fields, initial, order, sentences, unchanged } = KINDS[kind];
  const [values, setValues] = useState(() => initial?.(pool) ?? {});
  const [answer, setAnswer] = useState({});
  const [busy, setBusy] = useState(false);
  const name = pool.name;

  useEffect(() => {
    if (kind !== 'queue') return;
    getPool(name).then(
      ({ options }) => setValues({
        before: options, capacity: String(options.queue_capacity), whenFull: String(options.when_full),
      }),
      () => setAnswer({ error: t('dialog.unreachable') }),
    );
  }, []);

  const confirm = async (event) => {
    event.preventDefault();
    setBusy(true);
    setAnswer(await send(name, order(values)));
    setBusy(false);
  };

  const { changes, error } = answer;
  const title = t(`dialog.${kind}`, { pool: name });
  if (changes) {
    return html`<${Modal} title=${title} testid="action-dialog" onClose=${onClose}>
      <div role="status">
        <p>${t(changes.length ? 'dialog.done' : 'dialog.unchanged')}</p>
        <ul class="changes" data-testid="dialog-changes">
          ${changes.map((change) => html`<li key=${change.name}>${changeText(change)}</li>`)}
        </ul>
      </div>
      <${CloseButton} />
    <//>`;
  }
  return html`<${Modal} title=${title} testid="action-dialog" onClose=${onClose}>
    <form onSubmit=${confirm}>
      ${fields && html`<${fields} values=${values} setValues=${setValues} />`}
      <div aria-live="polite">${sentences(pool, values).map((text, index) => html`<p key=${index}>${text}</p>`)}</div>
      ${error && html`<p class="error" role="alert" data-testid="dialog-error">${error}</p>`}
      <div class="buttons">
        <button type="button" data-testid="dialog-cancel" onClick=${closeAround}>${t('dialog.cancel')}</button>
        <button type="submit" class="primary" data-testid="dialog-confirm" disabled=${busy || unchanged?.(pool, values)}>
          ${t(`dialog.confirm.${kind}`)}
        </button>
      </div>
    </form>
  <//>`;
}

const KEYS = [
  [['['], 'previous'], [[']'], 'next'], [['↑', '↓'], 'list'], [['/'], 'filter'], [['1', '2', '3'], 'ranges'],
  [['?'], 'help'], [['Esc'], 'escape'],
];

export function KeysDialog({ onClose }) {
  return html`<${Modal} title=${t('keys')} testid="keys-dialog" onClose=${onClose}>
    <dl class="keys">
      ${KEYS.map(([keys, text]) => html`<div key=${text}>
        <dt>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${t(`keys.${text}`)}</dd>
      </div>`)}
    </dl>
    <${CloseButton} />
  <//>`;
}
