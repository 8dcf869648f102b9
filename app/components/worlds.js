// The true simulators of Wall and PointMaze, their pictures, and the encoder that sees these. It mirrors
// lab/tasks/wall.py, lab/tasks/point_maze.py and lab/models/encoders/pyramid.py; tests/app/test_engine.py holds it to
// them, and the comments there say why things are as they are. A state is an array of the task's numbers.

import { sum } from './shared.js';

const SIZE = 64; // side, in pixels, of the pictures that the encoder sees

class Wall {
  borders = [4, 60];
  view = [-0.5, 64.5];
  faces = [29, 35];
  door = [26, 34];
  middle = [32, 30]; // of wall and door

  step([x, y], action) {
    const largest = Math.max(...action.map(Math.abs), 500);
    const [dx, dy] = action.map(value => 2 * (value * (500 / largest)));
    const vertical = this.meetsUpright(x, y, dx, dy);
    const horizontal = this.meetsLevel(x, y, dx, dy);
    const time = Math.min(vertical, horizontal);
    if (time > 1) return this.inside(x + dx, y + dy, x < this.middle[0]);
    const onSide = vertical < horizontal;
    const kickX = onSide ? -0.5 * Math.sign(dx) : 0.5;
    const kickY = onSide ? 0.5 : -0.5 * Math.sign(dy);
    return this.inside(x + time * dx + kickX, y + time * dy + kickY, x < this.middle[0]);
  }

  meetsUpright(x, y, dx, dy) { // when a border or a face of the wall stops the move, as a share of it
    const face = meeting(x, dx, ...this.faces);
    const passes = Math.abs(y + (face <= 1 ? face : 0) * dy - this.middle[1]) <= 4;
    return Math.min(passes ? Infinity : face, meeting(x, dx, this.borders[1], this.borders[0]));
  }

  meetsLevel(x, y, dx, dy) { // when a border, or the door's floor or ceiling, stops it
    const edge = meeting(y, dy, this.door[1], this.door[0]);
    const passes = Math.abs(x + (edge <= 1 ? edge : 0) * dx - this.middle[0]) > 3;
    return Math.min(passes ? Infinity : edge, meeting(y, dy, this.borders[1], this.borders[0]));
  }

  inside(x, y, fromLeft) {
    const [low, high] = this.borders;
    [x, y] = [x, y].map(p => (p <= low ? low + 0.3 : p >= high ? high - 0.3 : p));
    return [this.solid(x, y) ? (fromLeft ? this.faces[0] - 0.3 : this.faces[1] + 0.3) : x, y];
  }

  solid(x, y) { return Math.abs(x - this.middle[0]) <= 3 && Math.abs(y - this.middle[1]) > 4; }

  free(state) { return this.inside(...state, state[0] < this.middle[0]); }

  render(state) {
    const white = this.white ??= this.background();
    const [column, row] = state.map(place => {
      const bump = centres(this.view).map(centre => Math.exp(Math.fround(centre - place) ** 2 / (-2 * 1.7 ** 2)));
      const largest = Math.max(...bump);
      return bump.map(value => value / largest);
    });
    return picture((y, x) => {
      const bright = white[y * SIZE + x];
      const other = Math.floor(bright - bright * row[y] * column[x] + 0.5);
      return [Math.floor(bright + 0.5), other, other];
    });
  }

  background() { // how white the pixels are without the dot
    const [low, high] = this.borders;
    const inner = [low + 0.5, high - 0.5];
    const wall = [this.faces[0] - 0.5, this.faces[1] + 0.5];
    const frame = box(this.view, [low - 0.5, high + 0.5], [low - 0.5, high + 0.5]);
    const room = box(this.view, inner, inner);
    const above = box(this.view, wall, [inner[0], this.door[0] - 0.5]);
    const below = box(this.view, wall, [this.door[1] + 0.5, inner[1]]);
    return frame.map((part, i) => 255 * (1 - Math.min(Math.max(part - room[i] + above[i] + below[i], 0), 1)));
  }
}

class PointMaze {
  view = [-0.2, 3.8];
  outer = [0.3, 3.3];
  block = [1.3, 2.3]; // along x; along y up to the second number
  radius = 0.1;

  step(state, action) {
    let place = state.slice(0, 2);
    let velocity = state.slice(2).map(value => clip(value, -5, 5));
    const force = action.map(value => 100 * clip(value, -1, 1));
    for (let substep = 0; substep < 5; substep++) {
      velocity = velocity.map((value, i) => value + 0.01 / (4.18879 + 0.01) * (force[i] - value));
      place = place.map((value, i) => value + 0.01 * velocity[i]);
      this.leaveBlock(place, velocity);
      this.leaveBorder(place, velocity);
    }
    return [...place, ...velocity];
  }

  leaveBlock(place, velocity) { // in place
    const nearest = [clip(place[0], ...this.block), Math.min(place[1], this.block[1])];
    let offset = place.map((value, i) => value - nearest[i]);
    let distance = Math.hypot(...offset);
    if (distance >= this.radius) return;
    if (distance === 0) [nearest[1], offset, distance] = [this.block[1], [offset[0], 1], 1];
    const normal = offset.map(value => value / distance);
    const towards = Math.min(velocity[0] * normal[0] + velocity[1] * normal[1], 0);
    for (const i of [0, 1]) {
      place[i] = nearest[i] + this.radius * normal[i];
      velocity[i] -= towards * normal[i];
    }
  }

  leaveBorder(place, velocity) { // in place
    const [low, high] = [this.outer[0] + this.radius, this.outer[1] - this.radius];
    for (const i of [0, 1]) {
      if (place[i] < low) velocity[i] = Math.max(velocity[i], 0);
      if (place[i] > high) velocity[i] = Math.min(velocity[i], 0);
      place[i] = clip(place[i], low, high);
    }
  }

  solid(x, y) { return x > this.block[0] && x < this.block[1] && y < this.block[1]; }

  free(state) { // the nearest state that a ball can be in
    const [place, velocity] = [state.slice(0, 2), state.slice(2)];
    if (this.solid(...place)) {
      const sides = [[this.block[0] - this.radius, place[1]], [this.block[1] + this.radius, place[1]], [place[0], this.block[1] + this.radius]];
      const far = ([x, y]) => Math.hypot(x - state[0], y - state[1]);
      place.splice(0, 2, ...sides.reduce((best, side) => (far(side) < far(best) ? side : best)));
    }
    this.leaveBlock(place, velocity);
    this.leaveBorder(place, velocity);
    return [...place, ...velocity];
  }

  render([ballX, ballY]) {
    const floor = this.floor ??= this.background();
    const pixel = (this.view[1] - this.view[0]) / SIZE;
    const centre = centres(this.view);
    return picture((y, x) => {
      const covered = clip((0.2 - Math.hypot(centre[x] - ballX, centre[y] - ballY)) / pixel + 0.5, 0, 1);
      const open = floor[y * SIZE + x];
      return [[179, 38, 76], [128, 64, 153], [77, 89, 76]].map(([wall, ground, ball]) => {
        const behind = wall + open * (ground - wall);
        return Math.floor(behind + covered * (ball - behind) + 0.5);
      });
    });
  }

  background() { // how much of each pixel is floor
    const block = box(this.view, this.block, [this.outer[0], this.block[1]]);
    return box(this.view, this.outer, this.outer).map((part, i) => part - block[i]);
  }
}

export const WORLDS = { wall: new Wall(), point_maze: new PointMaze() };

// What a world model sees of states: z, the scaled latent of the picture followed by the standardised proprioception.
export class Eye {
  constructor(world, { sigmas, grid, proprio }, tensors) {
    Object.assign(this, { world, proprio, grid, tensors });
    this.levels = sigmas.map(sigma => Array.from({ length: grid }, (_, i) => {
      const weights = Array.from({ length: SIZE }, (_, j) => Math.exp(-0.5 * ((j + 0.5 - (i + 0.5) * SIZE / grid) / sigma) ** 2));
      const all = sum(weights);
      return weights.map(weight => Math.sqrt(sigma) * weight / all);
    }));
  }

  see(state) {
    const { latent_mean: mean, latent_std: std, proprio_mean: senseMean, proprio_std: senseStd } = this.tensors;
    const latent = this.encode(this.world.render(state)).map((value, i) => (value - mean.data[i]) / std.data[i]);
    const sensed = this.proprio.map((field, i) => (state[field] - senseMean.data[i]) / senseStd.data[i]);
    return Float64Array.from([...latent, ...sensed]);
  }

  sensed(z) { // the proprioception, in the task's units, that a latent state holds
    const { proprio_mean: mean, proprio_std: std } = this.tensors;
    return this.proprio.map((_, i) => z[z.length - this.proprio.length + i] * std.data[i] + mean.data[i]);
  }

  encode(pixels) { // the projected pyramid
    const { 'encoder.mean': mean, 'encoder.components': components } = this.tensors;
    const latent = new Float64Array(components.shape[1]);
    let at = 0;
    for (const blur of this.levels) for (const channel of [0, 1, 2]) for (const value of this.blurred(pixels, channel, blur)) {
      const feature = value - mean.data[at];
      for (let i = 0; i < latent.length; i++) latent[i] += feature * components.data[at * latent.length + i];
      at += 1;
    }
    return latent;
  }

  blurred(pixels, channel, blur) { // a channel of the picture, blurred and sampled on the grid
    return blur.flatMap(down => {
      const row = new Float64Array(SIZE);
      for (let y = 0, at = channel; y < SIZE; y++) for (let x = 0; x < SIZE; x++, at += 3) row[x] += down[y] * pixels[at] / 255;
      return blur.map(across => {
        let value = 0;
        for (let x = 0; x < SIZE; x++) value += across[x] * row[x];
        return value;
      });
    });
  }
}

function meeting(p, d, planeUp, planeDown) { // the share of the move d from p at which the plane ahead is met
  const time = d === 0 ? Infinity : ((d > 0 ? planeUp : planeDown) - p) / d;
  return time >= 0 && time <= 1 ? time : Infinity;
}

function centres([low, high]) { // of the pixels, in world coordinates
  return Array.from({ length: SIZE }, (_, i) => low + (i + 0.5) * (high - low) / SIZE);
}

function box([low, high], across, down) { // how much of each pixel lies in a rectangle
  const edge = i => low + i * (high - low) / SIZE;
  const covers = ([start, stop]) => Array.from({ length: SIZE }, (_, i) =>
    Math.max(Math.min(edge(i + 1), stop) - Math.max(edge(i), start), 0) * SIZE / (high - low));
  const columns = covers(across);
  return covers(down).flatMap(row => columns.map(column => row * column));
}

function picture(colour) { // SIZE x SIZE x 3 bytes
  const pixels = new Uint8Array(3 * SIZE * SIZE);
  for (let y = 0; y < SIZE; y++) for (let x = 0; x < SIZE; x++) pixels.set(colour(y, x), 3 * (y * SIZE + x));
  return pixels;
}

const clip = (value, low, high) => Math.min(Math.max(value, low), high);
