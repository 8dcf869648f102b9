// Drive the dream: every key moves the true world by a block, and all world models dream it on from their own dreams.
// It is computed here, within the frame; nothing is asked of a server.

import { button, choice, fitting, number, placeIn, read, Scene, still, within, write } from './page.js';
import { saveButtons } from './save.js';
import { add, between, Chart, fullScreen, Gauge, GOAL } from './shared.js';
import { taskOf } from './task.js';

const BLOCK = 160; // ms on the screen for one block
const REPEAT = 90; // ms between the blocks of a key that is held
const KEYS = { ArrowRight: 'a', ArrowDown: 'e', ArrowLeft: 'i', ArrowUp: 'm' }; // letters: sixteenths of a turn
const WAKE = 'w'; // the letter of a look at the world
const STRENGTHS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4];
const dreams = new WeakMap();

export default function ({ data, parentElement }) {
  const given = Object.entries(data.sources).map(([name, url]) => `${name} ${url.length} ${url.slice(-64)}`).join();
  if (dreams.get(parentElement)?.given !== given) {
    dreams.get(parentElement)?.stop();
    dreams.set(parentElement, new Dreams(parentElement.querySelector('.player'), data, given));
  }
  const dream = dreams.get(parentElement);
  addEventListener('hashchange', dream.heard); // again, after a change of the theme
  return () => dream.stop();
}

class Dreams {
  constructor(root, { sources, first }, given) {
    Object.assign(this, { root, sources, first, given, opened: {}, blocks: [] });
    root.replaceChildren();
    root.classList.add('planning');
    const figure = add(root, 'div', { class: 'picture' });
    this.frame = add(figure, 'div', { class: 'frame' });
    this.bar = add(figure, 'div', { class: 'controls bar' });
    for (const [text, name, letter] of [['←', 'Left', 'i'], ['↑', 'Up', 'm'], ['↓', 'Down', 'e'], ['→', 'Right', 'a']]) {
      button(this.bar, text, `${name} (arrow key)`, () => this.go(letter));
    }
    button(this.bar, 'Undo', 'Undo the last block (Backspace)', () => this.undo());
    button(this.bar, 'Wake up', 'Let the models see the world again (W)', () => this.go(WAKE));
    button(this.bar, 'Begin again', 'Begin again (Home)', () => this.restart({ drive: '' }));
    this.controls = add(root, 'div', { class: 'controls' });
    const side = add(root, 'div', { class: 'side' });
    this.words = add(side, 'p', { class: 'words' });
    this.score = add(side, 'p', { class: 'score', role: 'status' });
    this.rows = add(side, 'div', {});
    this.chart = add(side, 'div', { class: 'charts' });
    const row = add(side, 'div', { class: 'controls more' });
    button(row, 'Another place', 'The start and goal of the next test problem', () => this.restart({ problem: (this.state.problem + 1) % this.task.problems, start: null, goal: null, drive: '' }));
    const page = { name: 'dream', picture: () => this.scene.svg, shown: () => this.blocks.at(-1), replay: film => this.replay(film) };
    saveButtons(row, page, text => { this.note.textContent = text; });
    fullScreen(row, this.root);
    this.note = add(side, 'p', { class: 'soft note', role: 'status' });
    root.onkeydown = event => this.key(event);
    this.heard = () => this.arrive();
    this.arrive();
  }

  stop() {
    cancelAnimationFrame(this.timer);
    removeEventListener('hashchange', this.heard);
  }

  // --- What is shown, and in step with it the address

  async arrive() {
    const given = read();
    const name = Object.hasOwn(this.sources, given.task ?? '') ? given.task : this.first;
    const task = await taskOf(this, name);
    if (!task) return;
    this.task = task;
    this.usual = { problem: this.task.about.problem, strength: 1, start: null, goal: null, drive: '' };
    this.build();
    const elsewhere = (given.task ?? name) !== name && Object.keys(this.sources).length === 1; // a drive is of one task
    const [state, complaint] = fitting(elsewhere ? {} : given, this.usual, this.readers());
    this.note.textContent = complaint;
    this.state = { ...state, task: name };
    this.restart({});
    this.root.dataset.state = 'ready';
    if (document.activeElement === document.body) this.root.focus({ preventScroll: true }); // so that keys steer at once
  }

  readers() { // of what the address holds
    return {
      task: text => (Object.hasOwn(this.sources, text) ? text : undefined), start: placeIn(this.task.about.stage), goal: placeIn(this.task.about.stage),
      problem: within(0, this.task.problems - 1, /^\d{1,6}$/), strength: text => STRENGTHS.find(value => value === Number(text)),
      drive: text => (/^[a-pw]*$/.test(text) ? text : undefined),
    };
  }

  build() { // what depends on the task alone
    const { about } = this.task;
    this.frame.replaceChildren();
    this.scene = new Scene(this.frame, about.stage);
    this.scene.svg.classList.add('clickable');
    this.scene.svg.onclick = event => { if (!event.target.closest('.grip')) this.towards(this.scene.at(event)); };
    this.scene.fit(this.bar);
    this.trail = this.scene.path('trail', '#222', true);
    this.models = Object.entries(about.models).map(([name, { label, colour }]) => ({
      name, label, colour, path: this.scene.path('imagined', colour, true), ghost: this.scene.body('ghost', `stroke: ${colour}; fill: ${colour}66`),
    }));
    this.now = this.scene.body('now', 'fill: #222');
    const moved = which => (at, done) => done && this.restart({ [which]: at.map(value => Number(value.toFixed(2))), drive: '' });
    this.goal = this.scene.handle('Goal', GOAL, moved('goal'));
    this.controls.replaceChildren();
    const names = { wall: 'Wall', point_maze: 'PointMaze' };
    const tasks = Object.fromEntries(Object.keys(this.sources).map(name => [name, names[name] ?? name]));
    this.showTask = Object.keys(tasks).length > 1
      ? choice(this.controls, 'Task', tasks, task => { history.replaceState(history.state, '', `#task=${task}`); this.arrive(); }) : () => {};
    this.words.replaceChildren('Steer by the arrow keys or by clicks, each press a block of ', `${about.frameskip} actions `);
    this.showStrength = number(this.words, 'Strength of the actions', STRENGTHS, value => `${value} ×`, strength => this.restart({ strength }));
    this.words.append(' as strong as the data’s. The models saw the start and nothing since: they dream on from their own dreams. Reach the green ring. ');
    add(this.words, 'span', { class: 'soft' }, 'Filled: the true world. Dotted: the dreams.');
    this.rows.replaceChildren();
    for (const model of this.models) {
      const box = add(this.rows, 'div', { class: 'verdict' });
      add(box, 'i', { style: `background: ${model.colour}` });
      model.words = add(box, 'p', {});
      model.gauge = new Gauge(box);
    }
  }

  // --- Driving

  restart(changes) { // all of the drive once more
    this.state = { ...this.state, ...changes };
    const { start, goal } = this.task.problem('dataset', this.state.problem);
    const { world } = this.task;
    const from = this.state.start ? world.free([...this.state.start, ...start.slice(2).fill(0)]) : start;
    const z = this.task.eye.see(from);
    this.blocks = [{
      states: [from], z: this.models.map(() => z), asleep: 0, apart: this.models.map(() => 0), ratio: this.models.map(() => null),
      held: this.models.map(() => 0), best: this.models.map(() => 0), goal: this.state.goal ?? this.task.place(goal), reached: 0,
    }];
    const letters = this.state.drive;
    this.state.drive = '';
    for (const letter of letters) this.extend(letter);
    this.showStrength(this.state.strength);
    this.showTask(this.state.task);
    this.shown(false);
  }

  extend(letter) { // one block more of both worlds
    const { task } = this;
    const before = this.blocks.at(-1);
    this.state.drive += letter;
    if (letter === WAKE) {
      const z = task.eye.see(before.states.at(-1));
      const none = this.models.map(() => 0);
      this.blocks.push({ ...before, states: [before.states.at(-1)], z: this.models.map(() => z), asleep: 0, apart: none, ratio: this.models.map(() => null), held: none });
      return;
    }
    const angle = (letter.charCodeAt(0) - 97) * Math.PI / 8;
    const { actionDim, frameskip } = task.about;
    const action = [Math.cos(angle), Math.sin(angle)].map(value => value * this.state.strength * Math.sqrt(actionDim));
    const block = Array.from({ length: frameskip }, () => action).flat();
    const states = task.execute(before.states.at(-1), [block]);
    const seen = task.eye.see(states.at(-1));
    const here = task.place(states.at(-1));
    const asleep = before.asleep + 1;
    const z = this.models.map(({ name }, i) => task.predictors[name].step(before.z[i], block));
    const apart = z.map(dreamt => task.radii(task.dreamt(dreamt), here));
    const held = apart.map((radii, i) => (radii < 1 && before.held[i] === before.asleep ? asleep : before.held[i])); // blocks before it parted
    const arrived = task.radii(here, before.goal) < 1;
    this.blocks.push({
      states, z, asleep, apart, held, reached: before.reached + arrived,
      best: before.best.map((most, i) => Math.max(most, held[i])),
      ratio: z.map((dreamt, i) => task.error(dreamt, seen) / task.usual(this.models[i].name, asleep)),
      goal: arrived ? this.nextGoal(before.reached + 1, here) : before.goal,
    });
  }

  nextGoal(reached, here) { // that of the next test problem which is not reached already
    for (let i = 0; ; i++) {
      const goal = this.task.place(this.task.problem('dataset', (this.state.problem + reached + i) % this.task.problems).goal);
      if (this.task.radii(goal, here) >= 1.5 || i > this.task.problems) return goal;
    }
  }

  key(event) {
    const acts = { Backspace: () => this.undo(), Home: () => this.restart({ drive: '' }), w: () => this.go(WAKE) };
    if (event.key in KEYS) acts[event.key] = () => this.go(KEYS[event.key]);
    if (!(event.key in acts) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.repeat && performance.now() - this.begun < REPEAT) return;
    acts[event.key]();
  }

  towards([x, y]) {
    const [hereX, hereY] = this.task.place(this.blocks.at(-1).states.at(-1));
    this.go(String.fromCharCode(97 + (Math.round(Math.atan2(y - hereY, x - hereX) / (Math.PI / 8)) + 16) % 16));
  }

  go(letter) {
    this.extend(letter);
    this.shown(true);
  }

  undo() {
    if (this.blocks.length < 2) return;
    this.blocks.pop();
    this.state.drive = this.state.drive.slice(0, -1);
    this.shown(false);
  }

  // --- Drawing

  shown(moving) {
    write(this.state, this.usual);
    const last = this.blocks.at(-1);
    this.score.textContent = this.scored(last);
    this.models.forEach((model, i) => {
      model.words.textContent = this.sentence(model, last, i);
      model.gauge.show(last.ratio[i]);
    });
    this.drawChart();
    this.begun = performance.now();
    cancelAnimationFrame(this.timer);
    const tick = () => {
      const share = moving && !still() ? Math.min((performance.now() - this.begun) / BLOCK, 1) : 1;
      this.draw(share);
      if (share < 1) this.timer = requestAnimationFrame(tick);
    };
    tick();
    this.root.dataset.blocks = String(this.blocks.length - 1);
  }

  scored({ reached, best }) {
    const moves = this.state.drive.replaceAll(WAKE, '').length;
    if (!moves) return 'All are at the start. Press an arrow key.';
    const most = Math.max(...best);
    const longest = this.models.filter((_, i) => best[i] === most).map(({ label }) => label);
    const goals = `${reached} ${reached === 1 ? 'goal' : 'goals'} reached in ${moves} ${moves === 1 ? 'block' : 'blocks'}.`;
    return most ? `${goals} Dreamt on longest: ${longest.join(', ')}, ${most} ${most === 1 ? 'block' : 'blocks'}.` : goals;
  }

  sentence({ label }, { asleep, apart, held }, i) {
    if (!asleep) return `${label} sees the world.`;
    const radii = `${apart[i].toFixed(1)} radii apart`;
    const count = `${held[i]} ${held[i] === 1 ? 'block' : 'blocks'}`;
    return held[i] < asleep ? `${label}: parted after ${count}, now ${radii}.` : `${label}: together for ${count}, ${radii}.`;
  }

  replay(film) { // of all blocks
    return film(BLOCK * (this.blocks.length - 1), now => {
      const done = Math.min(Math.floor(now / BLOCK), this.blocks.length - 2);
      this.draw(now / BLOCK - done, this.blocks.slice(0, done + 2));
    });
  }

  draw(share, blocks = this.blocks) { // how much of the last of these blocks has been shown
    const { task } = this;
    const last = blocks.at(-1);
    const old = blocks.at(-2) ?? last;
    this.goal(last.goal);
    const states = blocks.slice(0, -1).flatMap((block, i) => block.states.slice(i && 1)).map(state => task.place(state));
    const newest = (blocks.length > 1 ? last.states : [last.states[0]]).map(state => task.place(state));
    const position = share * (newest.length - 1);
    const now = between(newest, position);
    this.now(now);
    this.trail([...states, ...newest.slice(0, Math.floor(position) + 1), now]);
    this.models.forEach(({ path, ghost }, i) => {
      const at = between([task.dreamt(old.z[i]), task.dreamt(last.z[i])], share);
      ghost(at);
      path([...this.since(i, blocks), at]);
    });
  }

  since(i, blocks) { // what the model has dreamt since it saw the world, but for the newest
    const awake = blocks.findLastIndex(({ asleep }) => !asleep);
    return blocks.slice(awake, Math.max(blocks.length - 1, awake + 1)).map(({ z }) => this.task.dreamt(z[i]));
  }

  drawChart() {
    this.chart.replaceChildren();
    const shown = this.blocks.slice(1);
    if (shown.length < 1) return;
    const series = this.models.map(({ colour }, i) => ({ colour, points: [[[0, 0], ...shown.map(({ apart }, k) => [k + 1, apart[i]])]] }));
    new Chart(this.chart, 'Distance of dream and truth', 'blocks', series, { band: 1, note: 'success radii; in the green band they are together' });
  }
}
