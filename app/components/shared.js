// What the components share: drawing scenes and charts as SVG.

export const IMAGINED = '#A259C4';
export const GOAL = '#009E73';
const SVG = 'http://www.w3.org/2000/svg';

export class Chart {
  constructor(row, title, xLabel, series, { log = false, band = null, note = '' }) {
    Object.assign(this, { left: 44, right: 12, top: 8, bottom: 32, xLabel, series, band, marked: [] });
    const points = series.flatMap(({ points }) => points.flat());
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y).filter(y => !log || y > 0);
    this.log = log;
    this.x = [0, Math.max(...xs)];
    this.y = log ? [Math.min(...ys) / 1.4, Math.max(...ys) * 1.4] : [0, 1.08 * Math.max(...ys, band ?? 0)];
    const figure = add(row, 'figure', {});
    add(add(figure, 'figcaption', {}), 'strong', {}, title).parentElement.append(` ${note}`);
    this.svg = add(figure, 'svg', { role: 'img', 'aria-label': `${title}, by ${xLabel}` });
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  draw() { // in px of the screen, so that text is as large on all
    const { svg, band, series } = this;
    Object.assign(this, { width: svg.clientWidth, height: svg.clientHeight });
    svg.replaceChildren();
    if (!this.width) return;
    if (band !== null) add(svg, 'rect', { x: this.left, width: this.width - this.left - this.right, y: this.py(band), height: this.py(0) - this.py(band), fill: GOAL, opacity: 0.18 });
    for (const y of this.log ? decades(...this.y) : nice(this.y[1], 4)) {
      add(svg, 'line', { class: 'grid', x1: this.left, x2: this.width - this.right, y1: this.py(y), y2: this.py(y) });
      add(svg, 'text', { x: this.left - 6, y: this.py(y) + 4, 'text-anchor': 'end' }, String(Number(y.toPrecision(2))));
    }
    for (const x of nice(this.x[1], 5)) add(svg, 'text', { x: this.px(x), y: this.height - 18, 'text-anchor': 'middle' }, String(Number(x.toPrecision(2))));
    add(svg, 'text', { x: (this.left + this.width) / 2, y: this.height - 3, 'text-anchor': 'middle' }, this.xLabel);
    for (const { colour, dash, points } of series) {
      const d = points.map(line => 'M' + line.map(([x, y]) => `${this.px(x).toFixed(1)} ${this.py(y).toFixed(1)}`).join('L')).join('');
      add(svg, 'path', { d, fill: 'none', stroke: colour, 'stroke-width': dash ? 2 : 2.5, 'stroke-dasharray': dash ?? 'none', 'stroke-linejoin': 'round' });
    }
    this.marks = add(svg, 'g', {});
    this.mark(this.marked);
  }

  px(x) { return this.left + (this.width - this.left - this.right) * x / (this.x[1] || 1); }

  py(y) {
    const [low, high] = this.log ? this.y.map(Math.log) : this.y;
    const value = this.log ? Math.log(Math.max(y, this.y[0])) : y;
    return this.top + (this.height - this.top - this.bottom) * (high - value) / (high - low || 1);
  }

  mark(points) {
    this.marked = points;
    if (!this.marks) return; // not drawn yet
    this.marks.replaceChildren();
    for (const [x, y, colour, name] of points) {
      add(this.marks, 'circle', { cx: this.px(x), cy: this.py(y), r: name ? 7 : 4, fill: colour, class: 'mark' });
      if (name) add(this.marks, 'text', { x: this.px(x), y: this.py(y) + 3.5, 'text-anchor': 'middle', class: 'letter' }, name);
    }
  }
}

// A model's error on one log scale, from a hundredth to a hundred times the usual one; returns what shows a ratio on it.
export function errorScale(parent) {
  const needle = add(add(parent, 'div', { class: 'scale', 'aria-hidden': true }), 'i', {});
  const ticks = add(parent, 'div', { class: 'ticks', 'aria-hidden': true });
  for (const text of ['0.01', '0.1', 'usual', '10', '100 ×']) add(ticks, 'span', {}, text);
  return ratio => { needle.hidden = !ratio; needle.style.left = `${100 * Math.min(Math.max((Math.log10(ratio || 0.01) + 2) / 4, 0), 1)}%`; };
}

export class Gauge { // surprise: the error's ratio to the usual one, in words and on the scale
  constructor(parent) {
    const box = add(parent, 'div', { class: 'surprise', title: 'Usual: 95% of data trajectories stay below it after so many blocks' });
    this.text = add(box, 'p', {});
    this.scale = errorScale(box);
  }

  show(ratio) { // null: none yet
    this.text.replaceChildren();
    add(this.text, 'strong', {}, 'Surprise: ');
    this.text.append(ratio === null ? 'none yet' : `${ratio.toPrecision(2)} × the usual model error`);
    this.scale(ratio);
  }
}

export function between(path, position) {
  const i = Math.min(Math.floor(position), path.length - 1);
  const next = path[Math.min(i + 1, path.length - 1)];
  return path[i].map((value, axis) => value + (next[axis] - value) * (position - i));
}

export function place(path, shape, state) {
  const turn = shape.angle === null ? '' : ` rotate(${state[shape.angle] * 180 / Math.PI})`;
  path.setAttribute('transform', `translate(${state[shape.at[0]]} ${state[shape.at[1]]})${turn}`);
  return path;
}

export const letter = i => 'ABCD'[i];
export const sum = values => values.reduce((total, value) => total + value, 0);
export const closed = points => `M${points.map(point => point.join(' ')).join('L')}Z`;
export const open = (states, bodies) => (states.length < 2 ? '' : bodies.map(([x, y]) => `M${states.map(state => `${state[x]} ${state[y]}`).join('L')}`).join(''));
export const set = (element, attributes) => Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));

export function decades(low, high) { // powers of ten, and where these are too few, 2 and 5 between them, or even steps
  const all = factors => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) found.push(...factors.map(factor => factor * 10 ** power));
    return found.filter(value => value >= low && value <= high);
  };
  const ticks = [[1], [1, 2, 5]].map(all).find(found => found.length > 1);
  if (ticks) return ticks;
  const step = nice(high - low, 6)[1];
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

export function nice(high, count) {
  const raw = (high || 1) / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find(factor => factor * unit >= raw);
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => i * step);
}

export function add(parent, name, attributes, text) {
  const svg = name === 'svg' || parent.namespaceURI === SVG;
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  set(element, attributes);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

// A button that shows `root` on the full screen, and leaves it again; none where the browser cannot.
export function fullScreen(parent, root) {
  if (!root.requestFullscreen) return;
  const button = add(parent, 'button', { type: 'button', title: 'Full screen', 'aria-label': 'Full screen' });
  add(add(button, 'svg', { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': true }), 'path', { d: 'M1 1h5v2H3v3H1zM10 1h5v5h-2V3h-3zM1 10h2v3h3v2H1zM13 10h2v5h-5v-2h3z' });
  button.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
}
