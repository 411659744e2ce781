// Requests to the server, and the stream of its events.

import { recall, remember } from '/assets/storage.js';

const SILENCE = 5000;
const FIRST_DELAY = 500;
const LONGEST_DELAY = 10000;

export class TokenNeeded extends Error {}

export function setToken(token) {
  remember(sessionStorage, 'millpool.token', token);
}

export function hasToken() {
  return recall(sessionStorage, 'millpool.token') !== null;
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  const token = recall(sessionStorage, 'millpool.token');
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers, cache: 'no-store' });
  if (response.status === 401) throw new TokenNeeded();
  return response;
}

const poolPath = (name) => `/api/v1/pools/${encodeURIComponent(name)}`;

async function getJson(path) {
  const response = await request(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

export const getLog = () => getJson('/api/v1/log');
export const getPool = (name) => getJson(poolPath(name));

// Gives { changes } or { error }; an error without a sentence has an empty one.
export async function steer(name, order) {
  const response = await request(poolPath(name), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(order),
  });
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    // The status alone tells.
  }
  if (response.ok) return { changes: answer.changes ?? [] };
  return { error: answer.error ?? `HTTP ${response.status}` };
}

// Splits server-sent events out of text that comes in arbitrary pieces.
export function eventParser(onData) {
  let rest = '';
  let data = [];
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (data.length) onData(data.join('\n'));
        data = [];
      } else if (line.startsWith('data:')) {
        data.push(line.slice(line[5] === ' ' ? 6 : 5));
      }
    }
  };
}

async function readEvents(onData) {
  const abort = new AbortController();
  let heard = Date.now();
  const watch = setInterval(() => {
    if (Date.now() - heard > SILENCE) abort.abort();
  }, 1000);
  try {
    const response = await request('/api/v1/events', {
      headers: { Accept: 'text/event-stream' },
      signal: abort.signal,
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const parse = eventParser(onData);
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard = Date.now();
      parse(decoder.decode(value, { stream: true }));
    }
  } finally {
    clearInterval(watch);
    abort.abort();
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Follows the events until the server asks for a token.
export async function follow({ onSnapshot, onLost, onToken }) {
  let delay = FIRST_DELAY;
  for (;;) {
    try {
      await readEvents((text) => {
        delay = FIRST_DELAY;
        onSnapshot(JSON.parse(text));
      });
    } catch (error) {
      if (error instanceof TokenNeeded) return onToken();
    }
    onLost();
    await pause(delay * (0.75 + Math.random() / 2));
    delay = Math.min(delay * 2, LONGEST_DELAY);
  }
}
