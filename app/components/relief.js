// Draws loss landscapes: a surface to turn and a map to click for each model, with the planners' paths on both. The
// data come from lab/plots/relief.py. One camera for all; nothing is asked of the server but what a clicked plan does.

import { add, between, fullScreen } from './shared.js';

const LEVELS = 18; // contours of a map
const HEIGHT = 0.75; // of a surface, in halves of its width
const CORNER = Math.SQRT2; // of a surface from its middle, in the same
const PLAY = 4000; // ms for all iterations
const MARK = 9; // px from a mark's middle to its edge
const FRAME = { left: 30, right: 8, top: 8, bottom: 26 }; // px around a map
const reliefs = new WeakMap();
const cameras = {}; // outlives new data

export default function ({ data, parentElement, setTriggerValue }) {
  let relief = reliefs.get(parentElement);
  if (!relief) {
    relief = new Relief(parentElement.querySelector('.player'));
    reliefs.set(parentElement, relief);
  }
  relief.send = setTriggerValue;
  relief.take(data);
  return () => relief.leave();
}

class Relief {
  constructor(root) {
    Object.assign(this, { root, part: 1, timer: null });
    this.camera = cameras.one ??= { turn: 0.7, tilt: 0.62 };
    root.classList.add('relief');
    root.replaceChildren();
    this.addControls(root);
    this.row = add(root, 'div', { class: 'reliefs' });
    this.colourKey = add(root, 'div', { class: 'key' });
    this.seen = new ResizeObserver(() => this.draw());
    this.seen.observe(root);
    root.onkeydown = event => this.key(event);
  }

  leave() { this.pause(); }

  addControls(root) {
    const bar = add(root, 'div', { class: 'controls' });
    const button = (text, label, act) => {
      const made = add(bar, 'button', { type: 'button', 'aria-label': label, title: label }, text);
      made.onclick = act;
      return made;
    };
    button('|◀', 'Reset (Home)', () => { this.pause(); this.show(0); });
    button('◀', 'One step back', () => this.step(-1));
    this.playButton = button('▶', 'Play the paths (space)', () => this.toggle());
    button('▷', 'One step on', () => this.step(1));
    this.range = add(bar, 'input', { type: 'range', min: 0, max: 1, step: 0.001, 'aria-label': 'Progress of the planners' });
    this.range.oninput = () => { this.pause(); this.show(Number(this.range.value)); };
    fullScreen(bar, root);
    this.controls = bar;
  }

  take(data) {
    const text = JSON.stringify(data);
    if (text !== this.text) {
      this.text = text;
      this.data = data;
      this.root.setAttribute('aria-label', data.label);
      const [low, high] = data.range.map(Math.sqrt);
      this.height = loss => Math.min(1, Math.max(0, (Math.sqrt(loss) - low) / (high - low || 1)));
      if (this.panels?.length !== data.panels.length) {
        this.row.replaceChildren();
        this.panels = data.panels.map(() => new Panel(this.row, this));
      }
      this.panels.forEach((panel, i) => panel.take(data.panels[i], i));
      this.addColourKey();
    }
    this.show(this.part);
    this.root.dataset.state = data.final ? 'ready' : 'loading';
  }

  addColourKey() {
    const [low, high] = this.data.range;
    this.colourKey.replaceChildren();
    add(this.colourKey, 'span', {}, `loss ${short(low)}`);
    add(this.colourKey, 'div', { class: 'bar', style: `background: linear-gradient(90deg, ${this.data.colours.join()})`, role: 'img', 'aria-label': `Colours from a loss of ${short(low)} to ${short(high)}` });
    add(this.colourKey, 'span', {}, `${short(high)}; one scale for all, heights and colours by its root`);
  }

  key(event) {
    const surface = event.target.classList.contains('surface');
    const turn = (by, up) => () => this.turn(by, up);
    const acts = {
      ' ': () => this.toggle(),
      Home: () => { this.pause(); this.show(0); }, End: () => { this.pause(); this.show(1); },
      ArrowLeft: surface ? turn(-0.1, 0) : null, ArrowRight: surface ? turn(0.1, 0) : null,
      ArrowUp: surface ? turn(0, 0.06) : null, ArrowDown: surface ? turn(0, -0.06) : null,
    };
    if (!acts[event.key] || ['BUTTON', 'INPUT'].includes(event.target.tagName)) return;
    event.preventDefault();
    acts[event.key]();
  }

  turn(by, up) {
    this.camera.turn += by;
    this.camera.tilt = Math.min(1.5, Math.max(0.15, this.camera.tilt + up));
    this.draw();
  }

  toggle() { if (this.timer) this.pause(); else this.play(); }

  play() {
    if (this.part >= 1) this.show(0);
    let last = null;
    const tick = stamp => {
      this.show(Math.min(1, this.part + (last === null ? 0 : (stamp - last) / PLAY)));
      last = stamp;
      if (this.part < 1) this.timer = requestAnimationFrame(tick); else this.pause();
    };
    this.timer = requestAnimationFrame(tick);
    this.playButton.textContent = '❚❚';
  }

  pause() {
    cancelAnimationFrame(this.timer);
    this.timer = null;
    this.playButton.textContent = '▶';
  }

  step(direction) {
    this.pause();
    this.show(Math.min(1, Math.max(0, Math.round(this.part * 30 + direction) / 30)));
  }

  show(part) {
    this.part = part;
    this.range.value = part;
    this.draw();
    this.panels?.forEach(panel => panel.tell(part));
  }

  draw() {
    this.panels?.forEach(panel => panel.draw());
  }
}

class Panel {
  constructor(row, relief) {
    this.relief = relief;
    const figure = add(row, 'figure', {});
    this.title = add(add(figure, 'figcaption', {}), 'strong', {});
    this.surface = add(figure, 'canvas', { class: 'surface', role: 'img', tabindex: 0 });
    this.above = add(figure, 'canvas', { class: 'above', role: 'img' });
    this.readout = add(figure, 'p', { class: 'readout soft' });
    this.paths = add(figure, 'ul', { class: 'paths' });
    this.surface.onpointerdown = event => this.surface.setPointerCapture(event.pointerId);
    this.surface.onpointermove = event => {
      if (event.buttons & 1) this.relief.turn(event.movementX * 0.01, event.movementY * 0.008);
    };
    this.above.onmousemove = event => this.hover(...this.inverse(event));
    this.above.onmouseleave = () => { this.readout.textContent = ''; };
    this.above.onclick = event => {
      const [u, v] = this.inverse(event);
      if (Math.max(Math.abs(u), Math.abs(v)) > this.radius) return;
      this.picked = [u, v];
      this.draw();
      this.relief.send('pick', { u, v, model: this.data.model });
    };
  }

  take(data, index) {
    const { axis, pick } = this.relief.data;
    Object.assign(this, { data, axis, index, radius: axis.at(-1), picked: pick, tinted: null });
    const heights = data.loss.map(row => row.map(this.relief.height));
    this.heights = heights;
    this.title.textContent = data.title;
    const lowest = Math.min(...data.loss.flat());
    this.surface.setAttribute('aria-label', `${data.title}: surface of the planning loss, lowest ${short(lowest)}. Drag or use the arrow keys to turn all surfaces.`);
    this.above.setAttribute('aria-label', `${data.title}: map of the same loss with the planners' paths. Click to execute a plan; the fields u and v below do the same.`);
    this.tiles = this.tile();
    this.paths.replaceChildren();
    this.items = (data.paths.length ? data.paths : [{ colour: 'transparent', name: 'plans …' }]).map(path => {
      const item = add(this.paths, 'li', {});
      add(item, 'i', { style: `background: ${path.colour}` });
      return add(item, 'span', {}, path.name);
    });
  }

  tile() { // colour of each quad, lit from one side
    const { colours } = this.relief.data;
    const n = this.axis.length - 1;
    const slope = HEIGHT * n / 2;
    return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => {
      const [a, b, c, d] = [this.heights[i][j], this.heights[i + 1][j], this.heights[i][j + 1], this.heights[i + 1][j + 1]];
      const [du, dv] = [slope * (b + d - a - c) / 2, slope * (c + d - a - b) / 2];
      const light = (0.5 * du - 0.35 * dv + 0.9) / Math.hypot(du, dv, 1);
      return lit(colours[Math.round((a + b + c + d) / 4 * (colours.length - 1))], 0.62 + 0.42 * light);
    }));
  }

  tell(part) {
    this.data.paths.forEach((path, i) => {
      const m = Math.round(part * (path.points.length - 1));
      this.items[i].textContent = `${path.name}: loss ${short(path.loss[m])} at iteration ${path.iterations[m]}; the slice shows ${Math.round(100 * path.explained)}% of its path`;
    });
  }

  hover(u, v) {
    if (Math.max(Math.abs(u), Math.abs(v)) > this.radius) { this.readout.textContent = ''; return; }
    this.readout.textContent = `u ${u.toFixed(1)}, v ${v.toFixed(1)}: loss ${short(this.at(this.data.loss, u, v))}`;
  }

  at(grid, u, v) { // between the points of a grid
    const n = this.axis.length - 1;
    const place = x => Math.min(n, Math.max(0, (x / this.radius + 1) / 2 * n));
    const [x, y] = [place(u), place(v)];
    const [i, j] = [Math.min(n - 1, Math.floor(x)), Math.min(n - 1, Math.floor(y))];
    const [s, t] = [x - i, y - j];
    return (1 - s) * ((1 - t) * grid[i][j] + t * grid[i][j + 1]) + s * ((1 - t) * grid[i + 1][j] + t * grid[i + 1][j + 1]);
  }

  inverse(event) {
    const box = this.above.getBoundingClientRect();
    const at = (value, low, high) => (2 * (value - low) / (high - low) - 1) * this.radius;
    return [
      at(event.clientX - box.left, FRAME.left, box.width - FRAME.right),
      -at(event.clientY - box.top, FRAME.top, box.height - FRAME.bottom),
    ];
  }

  draw() {
    this.ink = getComputedStyle(this.relief.root).color;
    this.drawSurface(prepared(this.surface));
    this.drawMap(prepared(this.above));
  }

  drawSurface({ pen, width, height }) {
    const { turn, tilt } = this.relief.camera;
    const [cos, sin, low, up] = [Math.cos(turn), Math.sin(turn), Math.sin(tilt), Math.cos(tilt)];
    const deep = (far, z) => 1 / (1 + 0.16 * (far * up - HEIGHT * (z - 0.5) * low)); // a mild perspective
    const rise = (far, z) => (far * low + HEIGHT * 1.4 * (z - 0.5) * up) * deep(far, z);
    const [top, bottom] = [rise(CORNER, 1), rise(-CORNER, 0)]; // however it is turned
    const size = Math.min(width / 2.9, height / (top - bottom));
    const seen = (x, y, z) => { // x, y in -1 … 1, z in 0 … 1
      const [right, far] = [x * cos - y * sin, x * sin + y * cos];
      return [width / 2 + size * right * deep(far, z), height / 2 + size * ((top + bottom) / 2 - rise(far, z))];
    };
    const n = this.axis.length - 1;
    const at = i => 2 * i / n - 1;
    const corners = this.heights.map((row, i) => row.map((z, j) => seen(at(i), at(j), z)));
    pen.strokeStyle = this.ink;
    pen.globalAlpha = 0.3;
    line(pen, [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]].map(([x, y]) => seen(x, y, 0)), 1);
    pen.globalAlpha = 1;
    const order = (forward) => Array.from({ length: n }, (_, i) => (forward ? i : n - 1 - i));
    for (const i of order(sin < 0)) for (const j of order(cos < 0)) {
      const quad = [corners[i][j], corners[i + 1][j], corners[i + 1][j + 1], corners[i][j + 1]];
      pen.fillStyle = pen.strokeStyle = this.tiles[i][j];
      pen.lineWidth = 0.7;
      pen.beginPath();
      quad.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
    pen.fillStyle = this.ink;
    pen.font = '12px sans-serif';
    pen.textAlign = 'center';
    const [u, v] = [sin, cos].map(value => (value > 0 ? -1.18 : 1.18)); // on the sides in front, which nothing hides
    pen.fillText(u > 0 ? 'u' : '−u', ...seen(u, 0, 0));
    pen.fillText(v > 0 ? 'v' : '−v', ...seen(0, v, 0));
    const on = ([u, v]) => seen(u / this.radius, v / this.radius, this.at(this.heights, u, v) + 0.012);
    this.drawPaths(pen, on);
    for (const { at: point } of this.relief.data.marks) if (this.inside(point)) cross(pen, ...on(point));
    if (this.inside(this.picked)) ring(pen, ...on(this.picked));
  }

  drawMap({ pen, width, height, ratio }) {
    const { left, right, top, bottom } = FRAME;
    const [w, h] = [width - left - right, height - top - bottom];
    if (w < 10) return;
    if (!this.tinted || this.tinted.width !== Math.round(w * ratio)) this.tinted = this.tint(Math.round(w * ratio), Math.round(h * ratio));
    pen.drawImage(this.tinted, left, top, w, h);
    const on = ([u, v]) => [left + (u / this.radius + 1) / 2 * w, top + (1 - v / this.radius) / 2 * h];
    pen.fillStyle = this.ink;
    pen.font = '11px sans-serif';
    for (const tick of [-1, 0, 1]) {
      const text = short(tick * this.radius, 2);
      pen.textAlign = tick > 0 ? 'right' : tick < 0 ? 'left' : 'center';
      pen.fillText(tick ? text : 'u', left + (tick + 1) / 2 * w, height - 10);
      pen.textAlign = 'right';
      pen.fillText(tick ? text : 'v', left - 5, top + (1 - tick) / 2 * h + (tick > 0 ? 10 : tick < 0 ? 0 : 4));
    }
    pen.save();
    pen.beginPath();
    pen.rect(left, top, w, h);
    pen.clip();
    this.drawPaths(pen, on);
    ring(pen, ...on(this.picked));
    this.drawMarks(pen, this.relief.data.marks.map(({ name, at }) => ({ name, at: on(at) })), [left, top, left + w, top + h]);
    pen.restore();
  }

  drawMarks(pen, marks, [left, top, right, bottom]) { // each name where it hides no mark and no other name
    const taken = marks.map(({ at: [x, y] }) => [x - MARK, y - MARK, x + MARK, y + MARK]);
    pen.font = '600 11px sans-serif';
    pen.textAlign = 'left';
    for (const { name, at: [x, y] } of marks) {
      cross(pen, x, y);
      const wide = pen.measureText(name).width;
      const places = [-MARK - 12, MARK].flatMap(down => [MARK, -MARK - wide].map(along => [x + along, y + down, x + along + wide, y + down + 12]));
      const spoilt = ([x0, y0, x1, y1]) => (x0 < left || x1 > right || y0 < top || y1 > bottom)
        + taken.filter(([a, b, c, d]) => x0 < c && a < x1 && y0 < d && b < y1).length;
      const box = places.reduce((best, place) => (spoilt(place) < spoilt(best) ? place : best));
      taken.push(box);
      pen.lineWidth = 3;
      pen.strokeStyle = '#000a';
      pen.fillStyle = '#fff';
      pen.strokeText(name, box[0], box[3] - 2);
      pen.fillText(name, box[0], box[3] - 2);
    }
  }

  tint(w, h) { // a pixel each, darker where a contour runs
    const made = document.createElement('canvas');
    Object.assign(made, { width: w, height: h });
    const pen = made.getContext('2d');
    const image = pen.createImageData(w, h);
    const colours = this.relief.data.colours.map(rgb);
    let above = [];
    for (let y = 0; y < h; y++) {
      const levels = new Int16Array(w);
      for (let x = 0; x < w; x++) {
        const z = this.at(this.heights, (2 * x / (w - 1) - 1) * this.radius, (1 - 2 * y / (h - 1)) * this.radius);
        levels[x] = Math.floor(z * LEVELS);
        const edge = (x && levels[x] !== levels[x - 1]) || (y && levels[x] !== above[x]);
        const colour = colours[Math.round(z * (colours.length - 1))];
        const dark = edge ? 0.7 : 1;
        image.data.set([colour[0] * dark, colour[1] * dark, colour[2] * dark, 255], 4 * (y * w + x));
      }
      above = levels;
    }
    pen.putImageData(image, 0, 0);
    return made;
  }

  drawPaths(pen, on) {
    pen.lineJoin = pen.lineCap = 'round';
    for (const path of this.data.paths) {
      const end = this.relief.part * (path.points.length - 1);
      const points = path.points.slice(0, Math.floor(end) + 1);
      if (end % 1) points.push(between(path.points, end));
      for (const [colour, thick] of [['#000b', 5], ['#fff', 4], [path.colour, 2.5]]) {
        pen.strokeStyle = colour;
        line(pen, points.filter(point => this.inside(point)).map(on), thick);
      }
      if (this.inside(points.at(-1))) {
        pen.fillStyle = path.colour;
        pen.strokeStyle = '#fff';
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(...on(points.at(-1)), 5, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
    }
  }

  inside([u, v]) { return Math.max(Math.abs(u), Math.abs(v)) <= this.radius * 1.0001; }
}

function prepared(canvas) { // sized to what is shown, and empty
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height, ratio };
}

function line(pen, points, thick) {
  pen.lineWidth = thick;
  pen.beginPath();
  points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

function cross(pen, x, y) {
  for (const [colour, thick] of [['#000a', 5], ['#fff', 2.5]]) {
    pen.strokeStyle = colour;
    line(pen, [[x - 5, y], [x + 5, y]], thick);
    line(pen, [[x, y - 5], [x, y + 5]], thick);
  }
}

function ring(pen, x, y) {
  for (const [colour, thick] of [['#000a', 5], ['#fff', 2.5]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.arc(x, y, MARK, 0, 2 * Math.PI);
    pen.stroke();
  }
}

const short = (value, digits = 3) => String(Number(value.toPrecision(digits)));
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const lit = (hex, light) => `rgb(${rgb(hex).map(part => Math.min(255, Math.round(part * light))).join()})`;
