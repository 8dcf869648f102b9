// Fool the world model: Adam plans through a world model, here in the browser, while the true simulator shows where each
// of its plans really leads. Start and goal can be dragged; the dream follows at once.

import { button, choice, fitting, number, placeIn, read, Scene, still, within, write } from './page.js';
import { saveButtons } from './save.js';
import { add, between, Chart, fullScreen, Gauge, GOAL, IMAGINED, open } from './shared.js';
import { taskOf } from './task.js';

const SLICE = 9; // ms of planning in each frame
const WATCH = 2600; // ms on the screen for all of Adam's steps, at least
const STEP = 70; // ms on the screen for an environment step
const PICTURES = 40; // plans along a descent whose true loss is computed
const REDRAW = 300; // ms between charts while Adam plans
const NUMBERS = {
  steps: [10, 20, 30, 50, 70, 100, 150, 200, 300, 500],
  lr: [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1],
  starts: [1, 2, 4, 8, 16],
};
const fools = new WeakMap();

export default function ({ data, parentElement }) {
  if (!fools.has(parentElement)) fools.set(parentElement, new Fool(parentElement.querySelector('.player'), data));
  const fool = fools.get(parentElement);
  fool.listen(); // again, after a change of the theme
  return () => fool.stop();
}

class Fool {
  constructor(root, { sources, first }) {
    Object.assign(this, { root, sources, first, opened: {}, lanes: [], position: 0, playing: true });
    root.classList.add('planning');
    const figure = add(root, 'div', { class: 'picture' });
    this.frame = add(figure, 'div', { class: 'frame' });
    this.addBar(figure);
    this.controls = add(root, 'div', { class: 'controls' });
    const side = add(root, 'div', { class: 'side' });
    this.words = add(side, 'p', { class: 'words' });
    this.verdicts = add(side, 'div', { role: 'status' });
    this.chart = add(side, 'div', { class: 'charts' });
    this.addButtons(side);
    this.note = add(side, 'p', { class: 'soft note', role: 'status' });
    this.heard = () => this.arrive();
    root.onkeydown = event => { if (event.key === ' ' && !event.target.closest('button')) { event.preventDefault(); this.toggle(); } };
    this.arrive();
  }

  listen() {
    addEventListener('hashchange', this.heard);
    if (this.lanes.length) this.run();
  }

  run() {
    this.last = null;
    cancelAnimationFrame(this.timer);
    this.timer = requestAnimationFrame(stamp => this.tick(stamp));
  }

  stop() {
    cancelAnimationFrame(this.timer);
    removeEventListener('hashchange', this.heard);
  }

  addBar(figure) {
    const bar = this.bar = add(figure, 'div', { class: 'controls bar' });
    this.playButton = button(bar, '❚❚', 'Play or pause (space)', () => this.toggle());
    this.range = add(bar, 'input', { type: 'range', min: 0, step: 1, 'aria-label': 'Time: planning, then the execution' });
    this.range.oninput = () => { this.playing = false; this.position = Number(this.range.value); this.draw(); };
    this.clock = add(bar, 'span', { class: 'soft clock' });
  }

  addButtons(side) {
    const row = add(side, 'div', { class: 'controls more' });
    button(row, 'Next problem', 'The next of the test problems', () => this.change({ problem: (this.state.problem + 1) % this.task.problems, start: null, goal: null }));
    button(row, 'Start Adam elsewhere', 'Draw other actions for Adam to begin with', () => this.change({ seed: this.state.seed + 1 }));
    button(row, 'Put back', 'Start and goal as the problem has them', () => this.change({ start: null, goal: null }));
    const page = { name: 'fooled', picture: () => this.scene.svg, shown: () => this.lanes, replay: film => this.replay(film) };
    saveButtons(row, page, text => { this.note.textContent = text; });
    fullScreen(row, this.root);
  }

  // --- What is shown, and in step with it the address

  async arrive() { // from the address
    const asked = read();
    const name = Object.hasOwn(this.sources, asked.task ?? '') ? asked.task : this.first;
    const task = await taskOf(this, name);
    if (!task) return;
    this.task = task;
    this.usual = this.usualState();
    const [state, complaint] = fitting(asked, this.usual, this.readers());
    this.note.textContent = complaint;
    this.build();
    this.restart({ ...state, task: name });
    this.root.dataset.state = 'ready';
  }

  usualState() { // what the address leaves out: all but the task
    const { problem, adam, goals } = this.task.about;
    return { goals: goals[0], problem, model: 'base', race: 'none', starts: 1, steps: adam.iterations, lr: adam.lr, seed: 0, start: null, goal: null };
  }

  readers() { // of what the address holds
    const whole = (low, high) => within(low, high, /^\d{1,6}$/);
    const numbers = values => within(values[0], values.at(-1), /^\d+(\.\d+)?$/);
    const one = values => text => (values.includes(text) ? text : undefined);
    const models = Object.keys(this.task.about.models);
    return {
      task: one(Object.keys(this.sources)), goals: one(this.task.about.goals), model: one(models), race: one(['none', ...models]),
      problem: whole(0, this.task.problems - 1), seed: whole(0, 1e6), steps: whole(1, 1000), starts: whole(1, 16), lr: numbers(NUMBERS.lr),
      start: placeIn(this.task.about.stage), goal: placeIn(this.task.about.stage),
    };
  }

  change(changes) {
    if ('task' in changes) {
      history.replaceState(history.state, '', `#task=${changes.task}`);
      this.arrive();
    } else this.restart({ ...this.state, ...changes });
  }

  build() { // what depends on the task alone
    const { about } = this.task;
    this.frame.replaceChildren();
    this.scene = new Scene(this.frame, about.stage);
    this.scene.fit(this.bar);
    this.grips = {
      start: this.scene.handle('Start', '#222', (at, done) => this.drag('start', at, done)),
      goal: this.scene.handle('Goal', GOAL, (at, done) => this.drag('goal', at, done)),
    };
    this.controls.replaceChildren();
    const models = Object.fromEntries(Object.entries(about.models).map(([name, { label }]) => [name, label]));
    const labels = { wall: 'Wall', point_maze: 'PointMaze' };
    const tasks = Object.fromEntries(Object.keys(this.sources).map(name => [name, labels[name] ?? name]));
    const kinds = { dataset: 'near', random: 'far' };
    const pick = (name, title, options) => [name, choice(this.controls, title, options, value => this.change(name === 'goals' ? { goals: value, start: null, goal: null } : { [name]: value }))];
    this.shows = Object.fromEntries([
      pick('task', 'Task', tasks),
      pick('model', 'World model', models),
      pick('race', 'Race against', { none: 'nobody', ...models }),
      pick('goals', 'Goals', Object.fromEntries(about.goals.map(name => [name, kinds[name] ?? name]))),
    ]);
    this.words.replaceChildren();
    const scrub = (name, about_, text) => { this.shows[name] = number(this.words, about_, NUMBERS[name], text, value => this.change({ [name]: value })); };
    this.words.append('Adam takes ');
    scrub('steps', 'Adam’s steps', String);
    this.words.append(' steps of size ');
    scrub('lr', 'Size of a step', String);
    this.words.append(' from ');
    scrub('starts', 'Starts', value => (value === 1 ? '1 random start' : `${value} random starts`));
    this.words.append(', to end its dream at the goal. Drag start, goal or a number. ');
    add(this.words, 'span', { class: 'soft' }, 'Dotted: the dream. Solid: where the same actions really lead.');
  }

  get problem() { // with start and goal where they were dragged
    const { start, goal } = this.task.problem(this.state.goals, this.state.problem);
    const moved = (state, at) => (at ? this.task.world.free([...at, ...state.slice(2).fill(0)]) : state);
    return { start: moved(start, this.state.start), goal: moved(goal, this.state.goal) };
  }

  drag(which, at, done) {
    const digits = this.scene.span > 10 ? 1 : 2;
    const state = { ...this.state, [which]: at.map(value => Number(value.toFixed(digits))) };
    if (done) this.restart(state); else this.follow(state);
  }

  // --- Planning

  restart(state) { // Adam from the beginning
    this.state = state;
    write(state, this.usual);
    this.plan(() => ({ number: state.problem, starts: state.starts, seed: state.seed }), state.steps);
    this.position = 0;
    this.playing = true;
    if (still()) this.finish();
  }

  follow(state) { // while something is dragged: Adam goes on from the plan it has
    const plans = this.lanes.map(lane => lane.steps.at(-1).plan);
    this.state = state;
    this.plan(lane => ({ plans: [plans[lane]] }), Infinity);
    this.playing = false;
  }

  plan(search, steps) { // `search`: of each lane, see Task.descents
    const { state, problem } = this;
    const names = [state.model, ...(state.race === 'none' ? [] : [state.race])];
    this.count = steps;
    this.lanes = names.map((name, lane) => ({
      name, steps: [], adams: this.task.descents(name, problem, search(lane), { lr: state.lr, iterations: steps }),
    }));
    this.showState();
    this.dress();
    this.lanes.forEach(() => this.advance()); // each has a first step to show
    this.draw();
    this.run();
  }

  advance() { // one step of the lane that is behind; false where nothing is left to do
    const lane = this.lanes.reduce((a, b) => (b.steps.length < a.steps.length ? b : a));
    const k = lane.steps.length;
    if (k > this.count) return false;
    const { task, problem } = this;
    const tried = lane.adams.map(adam => (k < this.count ? adam.step() : adam.now()));
    const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
    const dreams = tried.map(({ states }) => states.map(z => task.dreamt(z)));
    const real = task.execute(problem.start, best.plan);
    const step = { ...best, real, dream: dreams[tried.indexOf(best)], others: dreams.filter((_, i) => tried[i] !== best) };
    const every = Number.isFinite(this.count) ? Math.ceil(this.count / PICTURES) : 20;
    Object.assign(step, k % every === 0 || k === this.count ? this.judged(lane, step) : { ratio: lane.steps.at(-1).ratio });
    if (!Number.isFinite(this.count)) lane.steps.length = Math.min(lane.steps.length, 500);
    lane.steps.push(step);
    return true;
  }

  judged(lane, { states, real }) { // how wrong the dream's end is, and the loss of the true states
    const { task } = this;
    const { objective } = lane.adams[0];
    const horizon = states.length - 1;
    const seen = states.map((_, h) => (objective.weight(h, horizon) || h === horizon ? task.eye.see(real[h * task.about.frameskip]) : objective.goal));
    return { trueLoss: objective.loss(seen), ratio: task.error(states[horizon], seen[horizon]) / task.usual(lane.name, horizon) };
  }

  finish() { // at once, for people who want no motion
    while (this.advance());
    this.playing = false;
    this.position = this.end;
    this.draw();
  }

  // --- Time

  get end() { return this.count + this.lanes[0].steps[0].real.length - 1; }

  toggle() {
    if (this.position >= this.end) this.position = 0;
    this.playing = !this.playing;
    this.run();
    this.draw();
  }

  async replay(film) { // of Adam's steps and of the execution
    while (this.lanes.some(lane => lane.steps.length <= this.count)) await new Promise(requestAnimationFrame);
    this.playing = false;
    await film(WATCH + STEP * (this.end - this.count), now => {
      this.position = now < WATCH ? this.count * now / WATCH : Math.min(this.count + (now - WATCH) / STEP, this.end);
      this.draw(performance.now());
    });
  }

  tick(stamp) {
    const until = performance.now() + SLICE;
    let more = true;
    while (more && performance.now() < until) more = this.advance();
    const passed = stamp - (this.last ?? stamp);
    this.last = stamp;
    const done = Math.min(...this.lanes.map(lane => lane.steps.length)) - 1;
    if (!Number.isFinite(this.count)) this.position = done;
    else if (this.playing) {
      const pace = this.position < this.count ? WATCH / this.count : STEP;
      this.position = Math.min(this.position + passed / pace, done < this.count ? done : this.end);
      if (this.position >= this.end) this.playing = false;
    }
    this.draw(stamp);
    if (more || this.playing) this.timer = requestAnimationFrame(next => this.tick(next));
  }

  // --- Drawing

  showState() {
    const { state, problem } = this;
    for (const [name, show] of Object.entries(this.shows)) show(state[name]);
    this.grips.start(this.task.place(problem.start));
    this.grips.goal(this.task.place(problem.goal));
    if (Number.isFinite(this.count)) this.range.max = String(this.count + this.task.horizon * this.task.about.frameskip);
  }

  dress() { // the lanes' paths, bodies and sentences
    const { scene, task } = this;
    scene.layer.replaceChildren();
    this.verdicts.replaceChildren();
    for (const lane of this.lanes) {
      const { colour, label } = task.about.models[lane.name];
      const dreamt = this.lanes.length > 1 ? colour : IMAGINED;
      Object.assign(lane, {
        label, colour,
        others: scene.path('other', dreamt), real: scene.path('trail', colour, true), dream: scene.path('imagined', dreamt, true),
        ghost: scene.body('ghost', `stroke: ${dreamt}; fill: ${dreamt}44`), now: scene.body('now', `fill: ${colour}`),
      });
      const box = add(this.verdicts, 'div', { class: 'verdict' });
      add(box, 'i', { style: `background: ${colour}` });
      lane.words = add(box, 'p', {});
      lane.gauge = new Gauge(box);
    }
  }

  draw(stamp = null) {
    const { task, count } = this;
    const k = Math.floor(Math.min(this.position, count));
    const t = this.position > count ? this.position - count : null;
    for (const lane of this.lanes) {
      const step = lane.steps[Math.min(k, lane.steps.length - 1)];
      const real = step.real.map(state => task.place(state));
      lane.dream(step.dream);
      lane.real(t === null ? real : [...real.slice(0, Math.floor(t) + 1), between(real, t)]);
      lane.others(step.others.length ? step.others.flat() : []);
      lane.now(t === null ? real.at(-1) : between(real, t));
      lane.ghost(t === null ? step.dream.at(-1) : between(step.dream, t / task.about.frameskip));
      lane.words.textContent = this.sentence(lane, step, k);
      lane.gauge.show(step.ratio);
    }
    if (Number.isFinite(count)) this.range.value = String(Math.round(this.position));
    this.playButton.textContent = this.playing ? '❚❚' : '▶';
    this.clock.textContent = t === null ? `step ${k}${Number.isFinite(count) ? ` of ${count}` : ''}` : `executed: ${Math.round(t)} of ${this.end - count}`;
    const finished = this.lanes.every(lane => lane.steps.length > count);
    if (stamp === null || finished !== this.drawnWhole || stamp - (this.charted ?? 0) > REDRAW) this.drawChart(stamp, finished);
    this.root.dataset.position = String(this.position);
  }

  sentence(lane, step, k) {
    const goal = this.task.place(this.problem.goal);
    const [dream, truth] = [step.dream.at(-1), this.task.place(step.real.at(-1))].map(place => this.task.radii(place, goal));
    const wall = this.task.through(step.dream) ? ' Its dream goes through the wall.' : '';
    const when = Number.isFinite(this.count) && k < this.count ? `After ${k} steps through ${lane.label}` : `Through ${lane.label}`;
    const radii = value => `${value.toFixed(1)} radii`;
    if (truth < 1 && dream < 1) return `${when}, Adam reaches the goal: the plan dreams of ending ${radii(dream)} from it, and really ends ${radii(truth)} from it.`;
    if (truth < 1) return `${when}, Adam reaches the goal without believing it: the plan dreams of ending ${radii(dream)} away, and really ends ${radii(truth)} away.`;
    if (dream < 1) return `${when}, Adam is fooled: it dreams of ending ${radii(dream)} from the goal, but the plan really ends ${radii(truth)} away.${wall}`;
    return `${when}, Adam is stuck: even its dream ends ${radii(dream)} from the goal. The plan really ends ${radii(truth)} away.${wall}`;
  }

  drawChart(stamp, finished) {
    this.charted = stamp ?? 0;
    this.drawnWhole = finished;
    this.chart.replaceChildren();
    if (this.lanes.some(lane => lane.steps.length < 3)) return;
    const series = this.lanes.flatMap(({ steps, colour }) => [
      { colour, dash: '2 4', points: [steps.map(({ loss }, k) => [k, loss])] },
      { colour, points: [steps.map(({ trueLoss }, k) => [k, trueLoss]).filter(([, loss]) => loss !== undefined)] },
    ]);
    new Chart(this.chart, 'Loss', 'Adam’s steps', series, { log: true, note: 'dotted: as dreamt; solid: as it truly is' });
  }
}
