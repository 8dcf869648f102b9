// Plays plans in the making: a lane for each method, all on one clock. The data come from lab/plots/player.py; see
// there for what they mean. Nothing is asked of the server while one plays, steps or scrubs.

import { add, between, Chart, closed, errorScale, fullScreen, GOAL, IMAGINED, letter, open, place, set, sum } from './shared.js';

const STEP = 70; // ms on the screen for one executed environment step
const PLANNING = [2500, 6000]; // ms on the screen for the slowest planner, at least and at most
const HOLD = 3500; // ms before a looping player starts again
const BREAK = 700; // ms between lanes that follow one another
const ICONS = {
  play: 'M3 1l11 7-11 7z', pause: 'M3 2h4v12H3zM9 2h4v12H9z', reset: 'M2 2h2v12H2zM14 2v12L5 8z',
  back: 'M11 3v10L4 8z', on: 'M5 3v10l7-5z',
};
const players = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const old = players.get(parentElement);
  const text = JSON.stringify(data);
  if (old?.text === text) { // only the theme has changed
    old.send = setTriggerValue;
    return old.stop;
  }
  old?.stop();
  const player = new Player(parentElement.querySelector('.player'), data, old);
  player.text = text;
  player.send = setTriggerValue;
  player.stop = () => player.pause();
  players.set(parentElement, player);
  return player.stop;
}

class Player {
  constructor(root, data, old) {
    Object.assign(this, { root, data, now: 0, timer: null });
    const slowest = Math.max(...data.lanes.map(lane => sum(lane.plans.map(plan => plan.clock.at(-1)))));
    const shown = Math.min(Math.max(1000 * slowest, PLANNING[0]), PLANNING[1]);
    this.scale = shown / slowest;
    root.replaceChildren();
    root.setAttribute('aria-label', data.label);
    const bar = add(root, 'div', { class: 'controls' });
    const row = add(root, 'div', { class: 'lanes', style: `--lanes: ${data.lanes.length}` });
    let end = -BREAK;
    this.lanes = data.lanes.map((lane, i) => {
      const made = new Lane(row, this, lane, i, lane.after ? end + BREAK : 0);
      end = made.events.at(-1).at;
      return made;
    });
    this.end = Math.max(...this.lanes.map(lane => lane.events.at(-1).at));
    this.times = [...new Set(this.lanes.flatMap(lane => lane.events.map(event => event.at)))].sort((a, b) => a - b);
    this.addControls(bar);
    this.addLegend(root);
    if (data.charts) this.addCharts(root);
    root.onkeydown = event => this.key(event);
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.show(this.end);
    if (data.loop && !still) this.play(); else if (old?.timer) this.play();
    root.dataset.state = 'ready';
  }

  addControls(bar) {
    const button = (icon, label, act) => {
      const made = add(bar, 'button', { type: 'button', 'aria-label': label, title: label });
      made.onclick = act;
      add(add(made, 'svg', { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': true }), 'path', { d: ICONS[icon] });
      return made;
    };
    button('reset', 'Reset (Home)', () => { this.pause(); this.show(0); });
    button('back', 'One step back (left arrow)', () => this.step(-1));
    this.playButton = button('play', 'Play (space)', () => this.toggle());
    button('on', 'One step on (right arrow)', () => this.step(1));
    this.range = add(bar, 'input', { type: 'range', min: 0, max: Math.ceil(this.end), step: 1, 'aria-label': 'Time' });
    this.range.oninput = () => { this.pause(); this.show(Number(this.range.value)); };
    const pace = `planning shown at ${(1000 / this.scale).toPrecision(2)} × its speed`;
    if (this.data.charts) add(bar, 'span', { class: 'soft' }, pace);
    fullScreen(bar, this.root);
  }

  addLegend(root) {
    const legend = add(root, 'p', { class: 'legend soft' });
    const entry = (style, text) => { const pair = add(legend, 'span', {}); add(pair, 'i', { style }); pair.append(text); };
    entry('border-top: 3px solid currentColor', 'what really happens');
    const single = this.data.stage.bodies.length > 0;
    if (single) entry(`border-top: 3px dotted ${IMAGINED}`, 'what the model imagines, and its ghost');
    if (!single) { entry('border-top: 3px solid currentColor; border-right: 6px double currentColor', 'the push'); entry('height: 0.8em; background: #a52a2a55; filter: blur(2px)', 'what the model imagines'); }
    entry(`border: 2px dashed ${GOAL}; height: 0.8em; border-radius: 50%; width: 0.8em`, single ? 'goal, and the circle of success' : 'goal');
  }

  addCharts(root) {
    const row = add(root, 'div', { class: 'charts' });
    const lanes = this.data.lanes;
    const dash = '2 4';
    const loss = lanes.flatMap(lane => [
      { colour: lane.colour, dash, points: clocked(lane, 'loss') },
      { colour: lane.colour, points: clocked(lane, 'trueLoss') },
    ]);
    const distance = lanes.flatMap(lane => [
      { colour: lane.colour, points: [lane.distance.map((d, t) => [t, d])] },
      ...(lane.imaginedDistance && lane.plans.length === 1
        ? [{ colour: lane.colour, dash, points: [lane.imaginedDistance.map((d, k) => [lane.blocks[k], d])] }] : []),
    ]);
    this.loss = new Chart(row, 'Loss while planning', 'seconds of planning', loss, {
      log: true, note: 'solid: true, dotted: imagined',
    });
    this.distance = new Chart(row, 'Distance to the goal', 'executed step', distance, {
      band: 1, note: 'in success radii; the green band is success',
    });
  }

  key(event) {
    const onButton = event.target.tagName === 'BUTTON';
    const acts = {
      ' ': () => this.toggle(),
      ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1),
      Home: () => { this.pause(); this.show(0); }, End: () => { this.pause(); this.show(this.end); },
    };
    if (!(event.key in acts) || (event.key === ' ' && onButton)) return;
    event.preventDefault();
    acts[event.key]();
  }

  toggle() { if (this.timer) this.pause(); else this.play(); }

  play() {
    if (this.now >= this.end - 1) this.show(0);
    let last = null;
    const tick = stamp => {
      const target = this.now + (last === null ? 0 : stamp - last);
      last = stamp;
      this.show(Math.min(target, this.end));
      if (this.now < this.end) this.timer = requestAnimationFrame(tick);
      else if (this.data.loop) this.timer = setTimeout(() => { this.timer = null; if (this.root.isConnected) this.play(); }, HOLD);
      else this.pause();
    };
    this.timer = requestAnimationFrame(tick);
    this.label('pause', 'Pause (space)');
  }

  pause() {
    cancelAnimationFrame(this.timer);
    clearTimeout(this.timer);
    this.timer = null;
    this.label('play', 'Play (space)');
  }

  label(icon, text) {
    this.playButton.querySelector('path').setAttribute('d', ICONS[icon]);
    this.playButton.ariaLabel = this.playButton.title = text;
  }

  step(direction) {
    this.pause();
    const later = this.times.filter(time => direction * (time - this.now) > 0.5);
    this.show(direction > 0 ? later[0] ?? this.end : later.at(-1) ?? 0);
  }

  show(time) {
    this.now = time;
    this.range.value = Math.round(time);
    this.range.style.setProperty('--done', `${100 * time / this.end}%`);
    const before = this.shown;
    const shown = this.lanes.map(lane => lane.show(time));
    this.shown = shown;
    if (before?.every((one, i) => one === shown[i])) return;
    this.range.setAttribute('aria-valuetext', shown.map(({ text }, i) => `${this.data.lanes[i].title}: ${text}`).join('; '));
    this.loss?.mark(shown.flatMap(({ event, lane }, i) => {
      const plan = lane.plans[event.p];
      return [[event.clock, plan.trueLoss[event.m], lane.colour, letter(i)], [event.clock, plan.loss[event.m], lane.colour, '']];
    }));
    this.distance?.mark(shown.map(({ event, lane }, i) => [event.step, lane.distance[event.step], lane.colour, letter(i)]));
  }

  clicked(x, y) {
    if (!this.data.moves) return;
    this.pause();
    this.lanes.forEach(lane => lane.pend(x, y, this.data.moves));
    this.send('click', { x, y });
  }
}

class Lane {
  constructor(row, player, lane, i, begin) {
    this.player = player;
    this.lane = lane;
    this.stage = player.data.stage;
    this.events = timeline(lane, player.scale, begin);
    this.begin = begin;
    const figure = add(row, 'figure', { style: `--rows: ${lane.text ? 5 : 4}` });
    const head = add(figure, 'figcaption', {});
    if (player.data.charts) add(head, 'span', { class: 'badge', style: `--colour: ${lane.colour}` }, letter(i));
    add(head, 'strong', {}, lane.title);
    this.clock = add(head, 'span', { class: 'clock' });
    if (lane.text) add(figure, 'p', { class: 'text' }, lane.text);
    this.addScene(figure, `${lane.title}: ${verdict(lane)}`);
    this.status = add(figure, 'p', { class: 'status' });
    const meter = add(figure, 'div', { class: `meter ${lane.show === 'plan' ? 'empty' : ''}` });
    this.figure = figure;
    this.picture = add(meter, 'div', { class: 'dream', role: 'img', 'aria-label': 'What the model imagines, drawn by its decoder', style: `background-image: url(${lane.frames})` });
    const gauge = add(meter, 'div', { class: 'gauge' });
    this.errorText = add(gauge, 'p', {});
    this.scale = errorScale(gauge);
  }

  addScene(figure, label) {
    const { view: [low, high], background, shapes, bodies, radius, start, goal } = this.stage;
    const span = high - low;
    const svg = add(figure, 'svg', { class: 'scene', viewBox: `${low} ${low} ${span} ${span}`, role: 'img', 'aria-label': label });
    add(svg, 'image', { href: background, x: low, y: low, width: span, height: span });
    if (!bodies.length) this.imaginedPicture = add(svg, 'image', { class: 'laid', href: this.lane.frames, y: low, width: span * this.lane.blocks.length, height: span, preserveAspectRatio: 'none' });
    if (this.lane.dots) add(svg, 'path', { class: 'dots', d: this.lane.dots.map(([x, y]) => `M${x} ${y}h0`).join('') });
    this.rings = bodies.map(({ at: [x, y] }) => add(svg, 'circle', { class: 'ring', cx: goal[x], cy: goal[y], r: radius }));
    this.goal = shapes.map(shape => place(add(svg, 'path', { class: 'goal', d: closed(shape.points) }), shape, goal));
    this.start = shapes.map(shape => place(add(svg, 'path', { class: 'start', d: closed(shape.points) }), shape, start));
    const line = (name, colour) => [add(svg, 'path', { class: `${name} halo` }), add(svg, 'path', { class: name, style: `stroke: ${colour}` })];
    this.outcome = line('outcome', this.lane.colour);
    this.trail = line('trail', this.lane.colour);
    this.push = line('push', 'currentColor');
    this.imagined = line('imagined', IMAGINED);
    this.ends = shapes.map(shape => add(svg, 'path', { class: 'end', d: closed(shape.points), style: `stroke: ${this.lane.colour}` }));
    this.now = shapes.map(shape => add(svg, 'path', { class: 'now', d: closed(shape.points), style: `fill: ${this.lane.colour}` }));
    const own = shapes.find(shape => String(shape.at) === String(bodies[0]?.at));
    this.ghost = add(svg, 'path', { class: 'ghost', d: own ? closed(own.points) : '' });
    this.svg = svg;
    if (this.player.data.moves) {
      svg.classList.add('clickable');
      svg.onclick = event => {
        const box = svg.getBoundingClientRect();
        const at = (value, from, size) => low + span * (value - from) / size;
        this.player.clicked(at(event.clientX, box.left, box.width), at(event.clientY, box.top, box.height));
      };
    }
  }

  pend(x, y, which) { // shows at once where start or goal goes; the new plans follow
    const [bx, by] = this.stage.bodies[0].at;
    const state = [...this.stage[which]];
    [state[bx], state[by]] = [x, y];
    this.stage.shapes.forEach((shape, i) => place(this[which][i], shape, state));
    if (which === 'goal') this.rings.forEach((ring, i) => { const [cx, cy] = this.stage.bodies[i].at; set(ring, { cx: state[cx], cy: state[cy] }); });
    this.status.textContent = 'plans …';
    this.svg.classList.add('waiting');
    this.shown = null;
  }

  show(time) {
    const { lane, stage } = this;
    const event = this.events[Math.max(0, this.events.findLastIndex(({ at }) => at <= time + 0.5))];
    const waits = time < this.begin - 1;
    if (this.shown?.event === event && this.shown.waits === waits) return this.shown;
    const plan = lane.plans[event.p];
    const last = event === this.events.at(-1);
    const state = lane.states[event.step];
    const imagined = plan.imagined[event.m];
    const agent = [0, 1];
    this.imagined.forEach(path => path.setAttribute('d', open(imagined, [agent])));
    const outcome = event.going || lane.show ? [] : plan.true[event.m];
    const bodies = stage.bodies.map(body => body.at);
    this.outcome.forEach(path => path.setAttribute('d', open(outcome, bodies)));
    this.trail.forEach(path => path.setAttribute('d', open(lane.states.slice(0, event.step + 1), bodies)));
    stage.shapes.forEach((shape, i) => {
      place(this.now[i], shape, state);
      this.ends[i].style.display = outcome.length ? '' : 'none';
      if (outcome.length) place(this.ends[i], shape, outcome.at(-1));
    });
    const block = (lane.states.length - 1) / (lane.blocks.length - 1);
    if (imagined.length) {
      const ghost = between(imagined, event.going ? (event.step - plan.step) / block : lane.show === 'plan' ? imagined.length - 1 : 0);
      this.ghost.setAttribute('transform', `translate(${ghost[0]} ${ghost[1]})`);
    }
    const k = Math.floor(event.step / block);
    const [low, high] = stage.view;
    this.imaginedPicture?.setAttribute('x', low - k * (high - low));
    this.push.forEach(path => path.setAttribute('d', event.going ? arrow(lane.pushes[event.step - 1]) : ''));
    this.clock.textContent = lane.show === 'go' ? '' : `${event.clock.toFixed(2)} s`;
    this.figure.classList.toggle('waits', waits);
    this.svg.classList.remove('waiting');
    const text = waits ? 'comes next' : last && lane.show !== 'plan' ? verdict(lane)
      : event.going ? `executes step ${event.step} of ${lane.states.length - 1}`
        : `plans${lane.plans.length > 1 ? ` (${event.p + 1} of ${lane.plans.length})` : ''}: iteration ${plan.iterations[event.m]}`;
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.className = `status ${!waits && last && lane.show !== 'plan' ? (lane.reached === null ? 'missed' : 'reached') : ''}`;
    this.picture.style.backgroundPosition = `${100 * k / Math.max(1, lane.blocks.length - 1)}% 0`;
    const usual = lane.usual[k];
    this.scale(usual ? lane.error[k] / usual : null);
    this.errorText.textContent = `model error ${Number(lane.error[k].toPrecision(2))}` + (usual ? `, ${(lane.error[k] / usual).toPrecision(2)} × usual` : '');
    this.shown = { event, lane, text, waits };
    return this.shown;
  }
}

function arrow(push) { // from where to where, with a head; nothing where actions are no pushes
  if (!push) return '';
  const [x, y, toX, toY] = push;
  const [dx, dy] = [toX - x, toY - y].map(way => 0.35 * way / (Math.hypot(toX - x, toY - y) || 1));
  return `M${x} ${y}L${toX} ${toY}M${toX - dx - dy} ${toY - dy + dx}L${toX} ${toY}L${toX - dx + dy} ${toY - dy - dx}`;
}

// What a lane shows when: its plans in the making, each followed by the steps that are executed of it
function timeline(lane, scale, begin) {
  const events = [];
  let at = begin;
  let clock = 0;
  lane.plans.forEach((plan, p) => {
    const made = plan.clock.map((seconds, m) => ({ at: at + scale * (m ? seconds : 0), p, m, step: plan.step, clock: clock + seconds }));
    events.push(...(lane.show === 'go' ? [{ ...made.at(-1), at }] : made));
    clock += plan.clock.at(-1);
    if (lane.show !== 'go') at += scale * plan.clock.at(-1);
    const until = lane.plans[p + 1]?.step ?? lane.states.length - 1;
    for (let step = plan.step + 1; step <= until && lane.show !== 'plan'; step++) {
      at += STEP;
      events.push({ at, p, m: plan.clock.length - 1, step, clock, going: true });
    }
  });
  return events;
}

function clocked(lane, what) { // a line for each plan: [seconds since the first plan began, loss]
  let begun = 0;
  return lane.plans.map(plan => {
    const line = plan.clock.map((seconds, m) => [begun + seconds, plan[what][m]]);
    begun += plan.clock.at(-1);
    return line;
  });
}

function verdict(lane) {
  if (lane.reached === null) return `✗ missed: ${lane.closest.toFixed(2)} success radii away at best`;
  return `✓ reached at step ${lane.reached}, ${lane.distance[lane.reached].toFixed(2)} success radii from the goal`;
}
