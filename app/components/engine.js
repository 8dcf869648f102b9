// World models in the browser: reading them, imagining with them, and gradient-based planning through them. It mirrors
// lab/models/predictor.py and lab/planning/gradient.py, and tests/app/test_engine.py holds it to them.
// z is a latent state (Z numbers), a block the standardised actions of one latent step (A), a plan H blocks.

import { sum } from './shared.js';

// The file that lab/web/pack.py writes, a safetensors file: what it says about the task, and its tensors by name.
export async function load(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.slice(0, 80)} is not there (${answer.status}).`);
  return unpack(await answer.arrayBuffer());
}

export function unpack(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: metadata, ...entries } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const read = { F16: bytes => halves(new Uint16Array(bytes)), F32: bytes => new Float32Array(bytes), F64: bytes => new Float64Array(bytes) };
  const tensors = Object.fromEntries(Object.entries(entries).map(([name, { dtype, shape, data_offsets: [from, to] }]) =>
    [name, { shape, data: read[dtype](buffer.slice(8 + length + from, 8 + length + to)) }]));
  return { about: JSON.parse(metadata.about), tensors };
}

function halves(bits) { // IEEE half precision as single
  return Float32Array.from(bits, half => {
    const exponent = (half >> 10) & 31;
    const fraction = (half & 1023) / 1024;
    return (half >> 15 ? -1 : 1) * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  });
}

class Linear { // y = W x + b
  constructor(weight, bias) {
    Object.assign(this, { weight: weight.data, bias: bias.data, outputs: weight.shape[0], inputs: weight.shape[1] });
  }

  forward(x) {
    const { weight, bias, inputs, outputs } = this;
    const y = new Float64Array(outputs);
    for (let o = 0, at = 0; o < outputs; o++) {
      let a = 0, b = 0, c = 0, d = 0, i = 0; // four sums at once, which the processor adds side by side
      for (; i + 3 < inputs; i += 4, at += 4) {
        a += weight[at] * x[i];
        b += weight[at + 1] * x[i + 1];
        c += weight[at + 2] * x[i + 2];
        d += weight[at + 3] * x[i + 3];
      }
      for (; i < inputs; i++, at++) a += weight[at] * x[i];
      y[o] = a + b + c + d + bias[o];
    }
    return y;
  }

  backward(dy) { // the gradient with respect to x
    const { weight, inputs, outputs } = this;
    const dx = new Float64Array(inputs);
    let o = 0, at = 0;
    for (; o + 3 < outputs; o += 4, at += 3 * inputs) { // four rows at once, to write each sum a quarter as often
      const a = dy[o], b = dy[o + 1], c = dy[o + 2], d = dy[o + 3];
      for (let i = 0; i < inputs; i++, at++) {
        dx[i] += a * weight[at] + b * weight[at + inputs] + c * weight[at + 2 * inputs] + d * weight[at + 3 * inputs];
      }
    }
    for (; o < outputs; o++) for (let i = 0; i < inputs; i++, at++) dx[i] += dy[o] * weight[at];
    return dx;
  }
}

class Activation { // a layer normalisation, then a GELU in its tanh form
  constructor(weight, bias) {
    Object.assign(this, { weight: weight.data, bias: bias.data });
  }

  forward(x, tape) {
    const size = x.length;
    let mean = 0, variance = 0;
    for (let i = 0; i < size; i++) mean += x[i] / size;
    for (let i = 0; i < size; i++) variance += (x[i] - mean) ** 2 / size;
    const scale = 1 / Math.sqrt(variance + 1e-5);
    const normal = new Float64Array(size);
    const slope = new Float64Array(size);
    const y = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      normal[i] = (x[i] - mean) * scale;
      const u = normal[i] * this.weight[i] + this.bias[i];
      const tanh = Math.tanh(GELU * (u + 0.044715 * u ** 3));
      y[i] = 0.5 * u * (1 + tanh);
      slope[i] = 0.5 * (1 + tanh) + 0.5 * u * (1 - tanh * tanh) * GELU * (1 + 0.134145 * u * u);
    }
    tape.push({ normal, slope, scale });
    return y;
  }

  backward(dy, { normal, slope, scale }) {
    const size = dy.length;
    const dx = new Float64Array(size);
    let mean = 0, along = 0;
    for (let i = 0; i < size; i++) {
      dx[i] = dy[i] * slope[i] * this.weight[i];
      mean += dx[i] / size;
      along += dx[i] * normal[i] / size;
    }
    for (let i = 0; i < size; i++) dx[i] = scale * (dx[i] - mean - along * normal[i]);
    return dx;
  }
}

const GELU = Math.sqrt(2 / Math.PI);

export class Predictor { // z + g(z, block), see ResidualMLP
  constructor(tensors, name) {
    const part = layer => ['weight', 'bias'].map(kind => tensors[`${name}.${layer}.${kind}`]);
    this.layers = [];
    for (let i = 0; `${name}.body.${i}.weight` in tensors; i += 3) {
      this.layers.push([new Linear(...part(`body.${i}`)), new Activation(...part(`body.${i + 1}`))]);
    }
    this.head = new Linear(...part('head'));
  }

  step(z, block, tape = []) { // the next z; the tape then holds what `pull` needs
    let x = new Float64Array([...z, ...block]);
    for (const [linear, activation] of this.layers) x = activation.forward(linear.forward(x), tape);
    const change = this.head.forward(x);
    return change.map((value, i) => z[i] + value);
  }

  pull(dz, tape) { // the gradient with respect to z and block, of that with respect to the next z
    let dx = this.head.backward(dz);
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const [linear, activation] = this.layers[i];
      dx = linear.backward(activation.backward(dx, tape[i]));
    }
    for (let i = 0; i < dz.length; i++) dx[i] += dz[i];
    return [dx.subarray(0, dz.length), dx.subarray(dz.length)];
  }

  rollout(z0, plan, tapes = plan.map(() => [])) { // H + 1 latent states
    const states = [z0];
    plan.forEach((block, h) => states.push(this.step(states[h], block, tapes[h])));
    return states;
  }
}

// The planning loss, see GoalDistance: the mean squared distance of a rollout's last state to the goal, or with
// `decay` of all states, in which state h has the weight decay ** h.
export class GoalDistance {
  constructor(goal, { latent, proprio, decay }) {
    Object.assign(this, { goal, latent, proprio, decay });
  }

  weight(h, horizon) {
    if (this.decay === null) return h === horizon ? 1 : 0;
    return this.decay ** h / sum(Array.from({ length: horizon + 1 }, (_, i) => this.decay ** i));
  }

  share(i) { return i < this.latent ? 1 / this.latent : this.proprio / (this.goal.length - this.latent); }

  loss(states) {
    const distance = z => sum(z.map((value, i) => this.share(i) * (value - this.goal[i]) ** 2));
    return sum(states.map((z, h) => this.weight(h, states.length - 1) * distance(z)));
  }

  slope(z, h, horizon) { // the gradient with respect to state h
    const weight = 2 * this.weight(h, horizon);
    return z.map((value, i) => weight * this.share(i) * (value - this.goal[i]));
  }
}

// A plan's rollout, loss, and gradient with respect to its blocks.
export function differentiate(predictor, objective, z0, plan) {
  const horizon = plan.length;
  const tapes = plan.map(() => []);
  const states = predictor.rollout(z0, plan, tapes);
  const gradient = new Array(horizon);
  let dz = objective.slope(states[horizon], horizon, horizon);
  for (let h = horizon - 1; h >= 0; h--) {
    [dz, gradient[h]] = predictor.pull(dz, tapes[h]);
    const own = objective.slope(states[h], h, horizon);
    for (let i = 0; i < own.length; i++) dz[i] += own[i];
  }
  return { states, loss: objective.loss(states), gradient };
}

// Adam on the blocks of one plan, see GradientPlanner, which explains the options. `normal` draws the noise.
export class Adam {
  constructor(predictor, objective, z0, plan, { lr, noise, bound, cooling, iterations }, normal) {
    Object.assign(this, { predictor, objective, z0, plan, lr, noise, bound, normal, steps: 0 });
    this.cools = Number.isFinite(iterations) ? (1 - cooling) / Math.max(iterations - 1, 1) : 0; // in each step
    this.first = plan.map(block => block.map(() => 0));
    this.second = plan.map(block => block.map(() => 0));
  }

  step() { // what the plan was before the step: its blocks, rollout and loss
    const { plan } = this;
    const { states, loss, gradient } = differentiate(this.predictor, this.objective, this.z0, plan);
    this.steps += 1;
    this.plan = plan.map((block, h) => block.map((value, i) => this.moved(value, h, i, gradient[h][i])));
    return { plan, states, loss };
  }

  moved(value, h, i, slope) {
    const first = this.first[h][i] += 0.1 * (slope - this.first[h][i]);
    const second = this.second[h][i] += 0.001 * (slope ** 2 - this.second[h][i]);
    const step = first / (1 - 0.9 ** this.steps) / (Math.sqrt(second / (1 - 0.999 ** this.steps)) + 1e-8);
    const lr = this.lr * (1 - this.cools * (this.steps - 1));
    const next = value - lr * step + (this.noise && this.noise * this.normal());
    return this.bound === null ? next : Math.min(Math.max(next, -this.bound), this.bound);
  }

  now() { // the plan as it is, without a step
    const states = this.predictor.rollout(this.z0, this.plan);
    return { plan: this.plan, states, loss: this.objective.loss(states) };
  }
}

export function normals(seed) { // standard normal numbers, the same for the same seed
  let state = seed >>> 0;
  const uniform = () => { // mulberry32
    state = (state + 0x6D2B79F5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
