// Steers a world model and the true simulator side by side. Each key or click asks the server for one more block; what
// came of it is then played here.

import { saveButtons } from './save.js';
import { add, between, Chart, closed, fullScreen, Gauge, IMAGINED, open, place, set } from './shared.js';

const BLOCK = 220; // ms on the screen for one block
const PATIENCE = 1500; // ms after which an unanswered key no longer holds up the next
const KEYS = { ArrowRight: 'a', ArrowDown: 'e', ArrowLeft: 'i', ArrowUp: 'm' }; // letters: sixteenths of a turn
const dreams = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let dream = dreams.get(parentElement);
  if (!dream || dream.scene !== JSON.stringify(data.stage)) {
    dream = new Dream(parentElement.querySelector('.player'), data.stage);
    dreams.set(parentElement, dream);
  }
  dream.send = setTriggerValue;
  dream.take(data);
  return () => cancelAnimationFrame(dream.timer);
}

class Dream {
  constructor(root, stage) {
    Object.assign(this, { root, stage, scene: JSON.stringify(stage), waiting: -Infinity, shown: null });
    root.replaceChildren();
    const row = add(root, 'div', { class: 'worlds' });
    const world = add(row, 'figure', {});
    const head = add(world, 'figcaption', {});
    add(head, 'strong', {}, 'The world');
    fullScreen(head, root);
    this.addScene(world);
    this.addPad(world);
    const side = add(row, 'div', { class: 'side' });
    const pictures = add(side, 'div', { class: 'pictures' });
    this.camera = this.addPicture(pictures, 'What the camera sees', 'camera');
    this.dream = this.addPicture(pictures, 'What the model dreams', 'dreamt');
    this.gauge = new Gauge(side);
    this.chart = add(side, 'div', { class: 'charts' });
    root.onkeydown = event => this.key(event);
  }

  addPicture(parent, title, name) {
    const figure = add(parent, 'figure', {});
    add(add(figure, 'figcaption', {}), 'strong', {}, title);
    return add(figure, 'img', { class: name, alt: title, width: 64, height: 64 });
  }

  addScene(figure) {
    const { view: [low, high], background, shapes, bodies } = this.stage;
    const span = high - low;
    const svg = this.svg = add(figure, 'svg', { class: 'scene clickable', viewBox: `${low} ${low} ${span} ${span}`, role: 'img', 'aria-label': 'The world from above: click to steer there' });
    add(svg, 'image', { href: background, x: low, y: low, width: span, height: span });
    this.ring = add(svg, 'circle', { class: 'ring', r: this.stage.radius });
    this.trail = [add(svg, 'path', { class: 'trail halo' }), add(svg, 'path', { class: 'trail' })];
    this.imagined = [add(svg, 'path', { class: 'imagined halo' }), add(svg, 'path', { class: 'imagined', style: `stroke: ${IMAGINED}` })];
    this.now = shapes.map(shape => add(svg, 'path', { class: 'now', d: closed(shape.points) }));
    const own = shapes.find(shape => String(shape.at) === String(bodies[0].at));
    this.ghost = add(svg, 'path', { class: 'ghost', d: closed(own.points) });
    svg.onclick = event => {
      const box = svg.getBoundingClientRect();
      const at = (value, from, size) => low + span * (value - from) / size;
      const [x, y] = bodies[0].at.map(i => this.data.states.at(-1)[i]);
      const angle = Math.atan2(at(event.clientY, box.top, box.height) - y, at(event.clientX, box.left, box.width) - x);
      this.go(String.fromCharCode(97 + (Math.round(angle / (Math.PI / 8)) + 16) % 16));
    };
  }

  addPad(figure) {
    const pad = add(figure, 'div', { class: 'pad' });
    const button = (text, label, name, act) => {
      const made = add(pad, 'button', { type: 'button', 'aria-label': label, title: label, class: name }, text);
      made.onclick = act;
    };
    button('↑', 'Up (arrow key)', 'up', () => this.go('m'));
    button('←', 'Left (arrow key)', 'left', () => this.go('i'));
    button('↓', 'Down (arrow key)', 'down', () => this.go('e'));
    button('→', 'Right (arrow key)', 'right', () => this.go('a'));
    button('Undo', 'Undo the last block (Backspace)', 'undo', () => this.ask({ undo: true }));
    button('Wake up', 'Begin again (Home)', 'reset', () => this.ask({ reset: true }));
    const page = { name: 'dream', picture: () => this.svg, shown: () => this.data, replay: film => this.replay(film) };
    saveButtons(add(figure, 'div', { class: 'controls' }), page, text => { this.status.textContent = text; });
    this.status = add(figure, 'p', { class: 'status', role: 'status' });
  }

  key(event) {
    const acts = { Backspace: () => this.ask({ undo: true }), Home: () => this.ask({ reset: true }) };
    if (event.key in KEYS) acts[event.key] = () => this.go(KEYS[event.key]);
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }

  go(letter) {
    if (this.data.letters.length < this.data.most) this.ask({ go: letter });
  }

  ask(what) { // one at a time: a held key does not pile up
    if (performance.now() - this.waiting < PATIENCE) return;
    this.waiting = performance.now();
    this.root.dataset.state = 'loading';
    this.send('act', what);
  }

  take(data) {
    if (JSON.stringify(data) === JSON.stringify(this.data)) return this.answered();
    const longer = this.data && data.letters.startsWith(this.data.letters) && data.letters.length === this.data.letters.length + 1;
    this.data = data;
    this.root.setAttribute('aria-label', data.label);
    this.camera.src = data.camera;
    this.dream.src = data.dream;
    this.trail[1].style.stroke = data.colour;
    this.now.forEach(path => { path.style.fill = data.colour; });
    const { error, usual } = data;
    this.gauge.show(error.length > 1 ? error.at(-1) / usual[error.length - 2] : null);
    this.redrawChart();
    this.status.textContent = data.status;
    this.status.className = `status ${data.parted ? 'missed' : ''}`;
    this.play(longer ? data.states.length - data.block - 1 : data.states.length - 1);
    return this.answered();
  }

  answered() {
    this.waiting = -Infinity;
    this.root.dataset.state = 'ready';
  }

  redrawChart() {
    const { data } = this;
    this.chart.replaceChildren();
    if (data.error.length < 2) return;
    const line = values => [values.map((value, k) => [k + 1, value])];
    const chart = new Chart(this.chart, 'Model error', 'blocks since the dream began', [
      { colour: data.colour, points: line(data.error.slice(1)) },
      { colour: '#8a8a8a', dash: '6 4', points: line(data.usual) },
    ], { log: true, note: 'dashed: 95% of data trajectories stay below' });
    chart.mark([[data.error.length - 1, data.error.at(-1), data.colour, ' ']]);
  }

  play(from) {
    cancelAnimationFrame(this.timer);
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const last = this.data.states.length - 1;
    const begun = performance.now();
    const tick = stamp => {
      const position = still ? last : Math.min(last, from + this.data.block * Math.max(0, stamp - begun) / BLOCK);
      this.draw(position);
      if (position < last) this.timer = requestAnimationFrame(tick);
    };
    this.draw(from);
    this.timer = requestAnimationFrame(tick);
  }

  replay(film) { // of all blocks
    const last = this.data.states.length - 1;
    return film(BLOCK * last / this.data.block, now => this.draw(Math.min(this.data.block * now / BLOCK, last)));
  }

  draw(position) { // in environment steps
    const { states, ghost, block } = this.data;
    const { bodies, shapes } = this.stage;
    const state = between(states, position);
    const dreamt = between(ghost, position / block);
    shapes.forEach((shape, i) => place(this.now[i], shape, state));
    this.trail.forEach(path => path.setAttribute('d', open([...states.slice(0, Math.floor(position) + 1), state], bodies.map(body => body.at))));
    this.imagined.forEach(path => path.setAttribute('d', open([...ghost.slice(0, Math.floor(position / block) + 1), dreamt], [[0, 1]])));
    this.ghost.setAttribute('transform', `translate(${dreamt[0]} ${dreamt[1]})`);
    const [x, y] = bodies[0].at;
    set(this.ring, { cx: state[x], cy: state[y] });
  }
}
