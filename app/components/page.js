// What the pages share that plan in the browser: a scene, choices, numbers in sentences, and the state in the address.

import { add, closed, open, place, set } from './shared.js';

const SPARE = 12; // px below the last row that has to be seen

// A start and a goal that can be dragged, and layers for paths, dreams and bodies.
export class Scene {
  constructor(parent, stage) {
    const [low, high] = stage.view;
    const span = high - low;
    Object.assign(this, { stage, low, span });
    this.svg = add(parent, 'svg', { class: 'scene', viewBox: `${low} ${low} ${span} ${span}`, role: 'group', 'aria-label': 'The world from above' });
    add(this.svg, 'image', { href: stage.background, x: low, y: low, width: span, height: span });
    this.ring = add(this.svg, 'circle', { class: 'ring', r: stage.radius });
    this.layer = add(this.svg, 'g', {});
  }

  path(className, colour, halo = false) { // a line along places; `halo` keeps it visible on any ground
    const paths = [halo && add(this.layer, 'path', { class: `${className} halo` }), add(this.layer, 'path', { class: className, style: `stroke: ${colour}` })].filter(Boolean);
    return places => paths.forEach(path => path.setAttribute('d', open(places, [[0, 1]])));
  }

  body(className, style) { // the task's body at a place
    const shape = this.stage.shapes[0];
    const path = add(this.layer, 'path', { class: className, d: closed(shape.points), style });
    return at => place(path, { at: [0, 1], angle: null }, at);
  }

  handle(name, colour, moved) { // a place that can be dragged, or moved by the arrow keys
    const r = this.span / 22;
    const grip = add(this.svg, 'g', { class: 'grip', tabindex: 0, role: 'button', 'aria-label': `${name}: drag it, or move it by the arrow keys` });
    add(grip, 'circle', { r: 1.5 * r, class: 'touch' });
    const mark = add(grip, 'circle', { r: 0.55 * r, style: `stroke: ${colour}` });
    const state = { at: [0, 0], held: false };
    const to = (at, done) => moved(at.map(value => Math.min(Math.max(value, this.low), this.low + this.span)), done);
    grip.onpointerdown = event => { state.held = true; grip.setPointerCapture(event.pointerId); event.preventDefault(); grip.focus(); };
    grip.onpointermove = event => state.held && to(this.at(event), false);
    grip.onpointerup = grip.onlostpointercapture = () => { if (state.held) { state.held = false; to(state.at, true); } };
    grip.onkeydown = event => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      event.stopPropagation();
      to(state.at.map((value, axis) => value + way[axis] * this.span / 60), true);
    };
    return at => { state.at = at; grip.setAttribute('transform', `translate(${at[0]} ${at[1]})`); if (name === 'Goal') { set(this.ring, { cx: at[0], cy: at[1] }); mark.setAttribute('r', 0.3 * r); } };
  }

  at({ clientX, clientY }) { // the place under the pointer
    const box = this.svg.getBoundingClientRect();
    return [this.low + this.span * (clientX - box.left) / box.width, this.low + this.span * (clientY - box.top) / box.height];
  }

  // As large as the window lets it be with `below`, the row under it, still in sight.
  fit(below) {
    const size = () => {
      const top = this.svg.getBoundingClientRect().top + (document.scrollingElement.scrollTop || 0);
      const most = innerHeight - top - below.getBoundingClientRect().height - SPARE;
      below.parentElement.style.setProperty('--most', `${Math.max(most, 240)}px`);
    };
    new ResizeObserver(size).observe(this.svg.parentElement.parentElement);
    addEventListener('resize', size);
    size();
  }
}

// Buttons of which one is on; `labels` by value. Returns the function that shows a value.
export function choice(parent, title, labels, pick) {
  const group = add(parent, 'div', { class: 'choice', role: 'radiogroup', 'aria-label': title });
  add(group, 'span', { class: 'soft' }, title);
  const buttons = Object.entries(labels).map(([value, text]) => {
    const button = add(group, 'button', { type: 'button', role: 'radio', 'data-value': value }, text);
    button.onclick = () => pick(value);
    return button;
  });
  return value => buttons.forEach(button => button.setAttribute('aria-checked', String(button.dataset.value === value)));
}

export function button(parent, text, title, act) {
  const made = add(parent, 'button', { type: 'button', title, 'aria-label': title }, text);
  made.onclick = act;
  return made;
}

// A number in a sentence that can be dragged sideways, or changed by the arrow keys, along `values`.
export function number(parent, name, values, text, change) {
  const span = add(parent, 'span', { class: 'number', tabindex: 0, role: 'slider', 'aria-label': name, 'aria-valuemin': values[0], 'aria-valuemax': values.at(-1), title: `${name}: drag sideways, or use the arrow keys` });
  let now = values[0], from = null;
  const to = index => {
    const next = values[Math.min(Math.max(index, 0), values.length - 1)];
    if (next !== now) change(next);
  };
  const index = () => values.indexOf(values.reduce((best, value) => (Math.abs(value - now) < Math.abs(best - now) ? value : best)));
  span.onpointerdown = event => { from = { x: event.clientX, index: index() }; span.setPointerCapture(event.pointerId); };
  span.onpointermove = event => from && to(from.index + Math.round((event.clientX - from.x) / 14));
  span.onpointerup = span.onlostpointercapture = () => { from = null; };
  span.onkeydown = event => {
    const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    to(index() + way);
  };
  return value => { now = value; span.textContent = text(value); set(span, { 'aria-valuenow': value, 'aria-valuetext': text(value) }); };
}

// What the address holds after its #, as an object of texts; written without what is as in `usual`.
export const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

// The state that the address asks for, beside what is `usual`, and a sentence on what does not fit. Each of `readers`
// returns the value of a text, or undefined.
export function fitting(asked, usual, readers) {
  const state = { ...usual };
  const refused = [];
  for (const [name, text] of Object.entries(asked)) {
    const value = Object.hasOwn(readers, name) ? readers[name](text) : undefined;
    if (value === undefined) refused.push(name); else state[name] = value;
  }
  return [state, refused.length ? `The address asks for ${refused.join(', ')}, which is not there; you see the default.` : ''];
}

export const within = (low, high, fits) => text => (fits.test(text) && low <= Number(text) && Number(text) <= high ? Number(text) : undefined);
export const placeIn = ({ view: [low, high] }) => text => { // of the scene that is seen
  if (!/^-?\d{1,6}(\.\d{1,6})?,-?\d{1,6}(\.\d{1,6})?$/.test(text)) return undefined;
  const place = text.split(',').map(Number);
  return place.every(value => low <= value && value <= high) ? place : undefined;
};

export function write(state, usual) {
  const kept = Object.entries(state).filter(([name, value]) => value !== null && String(value) !== String(usual[name]));
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString().replaceAll('%2C', ',');
  history.replaceState(history.state, '', text ? `#${text}` : location.pathname + location.search);
}

export const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
