// The live charts of the selected pool.

import { html, useLayoutEffect, useRef } from '/assets/htm-preact.js';
import uPlot from '/assets/uplot.js';
import { clock, duration, rate, short } from '/assets/format.js';
import { history, state } from '/assets/state.js';
import { t } from '/assets/texts.js';

const HEIGHT = 168;
const WHOLE_STEPS = [1, 2, 5].flatMap((base) => [...Array(10)].map((_, power) => base * 10 ** power))
  .sort((a, b) => a - b);

export const CHARTS = [
  { id: 'depth', format: short, whole: true, lines: [['depth', 'blue']] },
  { id: 'wait', format: duration, lines: [['p50', 'blue'], ['p99', 'violet'], ['oldest', 'amber']] },
  { id: 'throughput', format: rate, lines: [['succeeded', 'green'], ['failed', 'red']] },
  {
    id: 'workers',
    format: short,
    whole: true,
    lines: [['running', 'green'], ['blocked', 'red'], ['idle', 'grey'], ['active', 'blue']],
  },
];

const mounted = new Set();
const palette = {};
const COLOURS = ['blue', 'violet', 'amber', 'green', 'red', 'grey', 'fill', 'axis', 'grid'];

// Canvases cannot use the style sheet's variables: resolve them for the present theme.
export function readPalette() {
  const probe = document.createElement('span');
  document.body.append(probe);
  for (const name of COLOURS) {
    probe.style.color = `var(--${name})`;
    palette[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}

function plotOptions(chart, width, onCursor) {
  const axis = {
    stroke: () => palette.axis,
    font: '11px system-ui, sans-serif',
    grid: { stroke: () => palette.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'pool' }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: {
      x: { range: () => [history.latest() - state.range, history.latest()] },
      y: { range: (_, min, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      { ...axis, size: 26, space: 72, values: (_, ticks) => ticks.map((time) => clock(time, state.range <= 60)) },
      {
        ...axis,
        size: 56,
        space: 32,
        gap: 6,
        values: (_, ticks) => ticks.map(chart.format),
        ...(chart.whole && { incrs: WHOLE_STEPS }),
      },
    ],
    series: [{}, ...chart.lines.map(([, colour]) => ({
      stroke: () => palette[colour],
      width: 1.5,
      points: { show: false },
      ...(chart.lines.length === 1 && { fill: () => palette.fill }),
    }))],
    hooks: { setCursor: [onCursor] },
  };
}

function lastKnown(values) {
  for (let at = values.length - 1; at >= 0; at--) {
    if (values[at] !== null) return values[at];
  }
  return null;
}

// Values under the cursor, or the latest ones.
function writeLegend(chart, plot, latest, legend) {
  const at = plot.cursor.idx;
  const under = plot.cursor.left >= 0 && at !== null && at !== undefined;
  legend.querySelectorAll('b').forEach((cell, index) => {
    const values = plot.data[index + 1] ?? [];
    cell.textContent = chart.format((under ? values[at] : latest[chart.lines[index][0]] ?? lastKnown(values)) ?? NaN);
  });
}

export function drawCharts() {
  if (!mounted.size) return;
  const columns = history.read(state.selected, state.range);
  for (const draw of mounted) draw(columns);
}

function Chart({ chart }) {
  const box = useRef();
  const legend = useRef();

  useLayoutEffect(() => {
    let latest = {};
    const showValues = (plot) => writeLegend(chart, plot, latest, legend.current);
    const plot = new uPlot(plotOptions(chart, box.current.clientWidth, showValues), [[]], box.current);
    const draw = (columns) => {
      latest = columns.latest;
      plot.setData([columns.times, ...chart.lines.map(([name]) => columns[name])]);
      showValues(plot);
    };
    mounted.add(draw);
    draw(history.read(state.selected, state.range));
    const resize = new ResizeObserver(([entry]) => {
      plot.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT });
    });
    resize.observe(box.current);
    return () => {
      mounted.delete(draw);
      resize.disconnect();
      plot.destroy();
    };
  }, []);

  return html`
    <figure class="card chart" data-testid=${`chart-${chart.id}`} aria-label=${t(`chart.${chart.id}`)}>
      <figcaption>
        <h3>${t(`chart.${chart.id}`)}</h3>
        <div class="legend" ref=${legend}>
          ${chart.lines.map(([name, colour]) => html`
            <span key=${name}><i class=${`line ${colour}`}></i>${t(`line.${name}`)} <b></b></span>`)}
        </div>
      </figcaption>
      <div class="plot" ref=${box} aria-hidden="true"></div>
    </figure>`;
}

export function Charts() {
  return html`<div class="charts">${CHARTS.map((chart) => html`<${Chart} key=${chart.id} chart=${chart} />`)}</div>`;
}
