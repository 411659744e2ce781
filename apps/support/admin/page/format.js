// Figures as text.

const whole = new Intl.NumberFormat('en');
const NONE = '–';
const GLUE = '\u00a0';

export function count(value) {
  return Number.isFinite(value) ? whole.format(Math.round(value)) : NONE;
}

function digits(value) {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

export function short(value) {
  if (!Number.isFinite(value)) return NONE;
  if (value < 10000) return Number.isInteger(value) ? String(value) : digits(value);
  if (value < 1e6) return `${digits(value / 1e3)}k`;
  if (value < 1e9) return `${digits(value / 1e6)}M`;
  return `${digits(value / 1e9)}G`;
}

export function rate(value) {
  return Number.isFinite(value) ? `${short(value < 100 ? Math.round(value * 10) / 10 : value)}/s` : NONE;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds === 0) return `0${GLUE}s`;
  if (seconds < 1e-6) return `${digits(seconds * 1e9)}${GLUE}ns`;
  if (seconds < 1e-3) return `${digits(seconds * 1e6)}${GLUE}µs`;
  if (seconds < 1) return `${digits(seconds * 1e3)}${GLUE}ms`;
  if (seconds < 120) return `${digits(seconds)}${GLUE}s`;
  if (seconds < 7200) return `${digits(seconds / 60)}${GLUE}min`;
  return `${digits(seconds / 3600)}${GLUE}h`;
}

export function percent(part, total) {
  return total > 0 ? `${digits(part / total * 100)}${GLUE}%` : NONE;
}

const two = (number) => String(number).padStart(2, '0');

export function clock(seconds, withSeconds = true) {
  const date = new Date(seconds * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return withSeconds ? `${time}:${two(date.getSeconds())}` : time;
}

// An option's value: a number, a word, or null.
export function setting(value) {
  return value === null || value === undefined ? NONE : String(value);
}
