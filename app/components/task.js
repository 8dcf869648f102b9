// One task in the browser: its world models, its simulator, its problems, and plans for them.

import { Adam, GoalDistance, Predictor, load, normals } from './engine.js';
import { sum } from './shared.js';
import { Eye, WORLDS } from './worlds.js';

// The task called `name` of a page, opened once; nothing where it cannot be, which the page then says.
export async function taskOf(page, name) {
  page.root.dataset.state = 'loading';
  try {
    return await (page.opened[name] ??= openTask(page.sources[name]));
  } catch (error) {
    delete page.opened[name];
    page.note.textContent = `The world models could not be loaded: ${error.message} Load the page again.`;
    page.root.dataset.state = 'failed';
  }
}

export async function openTask(url) {
  return new Task(await load(url));
}

export class Task {
  constructor({ about, tensors }) {
    Object.assign(this, { about, tensors, world: WORLDS[about.task] });
    this.eye = new Eye(this.world, about.encoder, tensors);
    this.predictors = Object.fromEntries(Object.keys(about.models).map(name => [name, new Predictor(tensors, name)]));
    [, this.horizon, this.block] = tensors.plans.shape;
    this.axes = about.stage.bodies[0].at; // where a state has the body's x and y
  }

  problem(goals, number) {
    return { start: row(this.tensors[`${goals}.starts`], number), goal: row(this.tensors[`${goals}.goals`], number) };
  }

  get problems() { return this.tensors.plans.shape[0]; }

  // Where Adam begins, for each of its starts: the first is the library's own for the problem of that number. With
  // several candidates, a start is the one of them that `loss` finds best.
  begun(number, starts, seed, loss) {
    const { start, candidates } = this.about.adam;
    const normal = normals(1 + seed);
    const drawn = () => rows(Array.from({ length: this.horizon * this.block }, normal), this.block);
    const begun = Array.from({ length: starts * candidates }, drawn);
    if (!seed) begun[0] = rows(row(this.tensors.plans, number), this.block);
    const plans = begun.map(plan => plan.map(block => block.map(value => start * value)));
    if (candidates === 1) return plans;
    return Array.from({ length: starts }, (_, i) => least(plans.slice(i * candidates, (i + 1) * candidates), loss));
  }

  // An Adam for each start of `search` ({ number, starts, seed }), or for each of the plans to go on from.
  descents(model, { start, goal }, search, options) {
    const z0 = this.eye.see(start);
    const predictor = this.predictors[model];
    const objective = new GoalDistance(this.eye.see(goal), this.about.objective);
    const loss = plan => objective.loss(predictor.rollout(z0, plan));
    const plans = search.plans ?? this.begun(search.number, search.starts, search.seed, loss);
    return plans.map((plan, i) => new Adam(predictor, objective, z0, plan, { ...this.about.adam, ...options }, normals(1000 + i)));
  }

  execute(state, plan) { // the true states at every environment step, `state` first
    const states = [state];
    for (const action of plan.flatMap(block => rows(this.actions(block), this.about.actionDim))) {
      states.push(this.world.step(states.at(-1), action));
    }
    return states;
  }

  actions(block) { // the environment actions of a standardised block
    const { action_mean: mean, action_std: std } = this.tensors;
    return block.map((value, i) => value * std.data[i % std.data.length] + mean.data[i % mean.data.length]);
  }

  place(state) { return this.axes.map(axis => state[axis]); }

  dreamt(z) { // the place of the body in a latent state
    const sensed = this.eye.sensed(z);
    return this.axes.map(axis => sensed[this.about.encoder.proprio.indexOf(axis)]);
  }

  radii(place, other) { return Math.hypot(...place.map((value, i) => value - other[i])) / this.about.stage.radius; }

  error(imagined, seen) { // of an imagined latent state: the mean squared distance of the pictures' latents
    const { latent } = this.about.objective;
    return sum(Array.from({ length: latent }, (_, i) => (imagined[i] - seen[i]) ** 2)) / latent;
  }

  usual(model, blocks) { // the error after so many imagined blocks that 95% of the data's trajectories stay below
    const { usual } = this.about.models[model];
    return usual[Math.min(blocks, usual.length) - 1];
  }

  through(places) { // whether a path of places passes through a wall
    return places.slice(1).some(([x, y], i) => Array.from({ length: 9 }, (_, part) => part / 8).some(part =>
      this.world.solid(places[i][0] + part * (x - places[i][0]), places[i][1] + part * (y - places[i][1]))));
  }
}

function least(values, score) {
  const scores = values.map(score);
  return values[scores.indexOf(Math.min(...scores))];
}

const row = ({ shape: [, ...rest], data }, i) => {
  const size = rest.reduce((product, side) => product * side, 1);
  return Array.from(data.slice(i * size, (i + 1) * size));
};

const rows = (values, size) => Array.from({ length: values.length / size }, (_, i) => Array.from(values.slice(i * size, (i + 1) * size)));
