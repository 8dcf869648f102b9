// Moving pictures as GIF files, whose pictures are squares.

const COLOURS = 256;
const CLEAR = 256, END = 257, CODES = 4096; // of the compression

// The colours of RGBA bytes in five bits a channel, which is how `gif` takes a picture.
export function coarse(bytes) {
  const colours = new Uint16Array(bytes.length / 4);
  for (let i = 0; i < colours.length; i++) colours[i] = (bytes[4 * i] >> 3) << 10 | (bytes[4 * i + 1] >> 3) << 5 | bytes[4 * i + 2] >> 3;
  return colours;
}

// The file of `pictures` of `side` times `side` pixels, each shown for `each` ms, the last for `last`; it begins again.
export function gif(pictures, side, each, last) {
  const { table, numbers } = palette(pictures);
  const head = [...text('GIF89a'), ...word(side), ...word(side), 0xf7, 0, 0, ...table, 0x21, 0xff, 11, ...text('NETSCAPE2.0'), 3, 1, 0, 0, 0];
  const parts = [Uint8Array.from(head)];
  pictures.forEach((picture, k) => {
    const { left, top, width, height } = changed(pictures[k - 1], picture, side);
    const pixels = new Uint8Array(width * height);
    for (let i = 0; i < pixels.length; i++) pixels[i] = numbers[picture[(top + Math.floor(i / width)) * side + left + i % width]];
    const shown = Math.round((k === pictures.length - 1 ? last : each) / 10);
    const where = [left, top, width, height].flatMap(word);
    parts.push(Uint8Array.from([0x21, 0xf9, 4, 4, ...word(shown), 0, 0, 0x2c, ...where, 0, 8]), ...compressed(pixels));
  });
  return new Blob([...parts, Uint8Array.of(0x3b)], { type: 'image/gif' });
}

const word = value => [value & 255, value >> 8];
const text = letters => [...letters].map(letter => letter.charCodeAt(0));
const channels = colour => [colour >> 10, colour >> 5 & 31, colour & 31];

function palette(pictures) { // the most frequent colours; every other gets the number of the nearest
  const counts = new Uint32Array(1 << 15);
  for (const picture of pictures) for (const colour of picture) counts[colour]++;
  const used = [...counts.keys()].filter(colour => counts[colour]).sort((a, b) => counts[b] - counts[a]);
  const kept = used.slice(0, COLOURS);
  const apart = (a, b) => channels(a).reduce((total, value, i) => total + (value - channels(b)[i]) ** 2, 0);
  const numbers = new Uint8Array(1 << 15);
  for (const colour of used) numbers[colour] = kept.reduce((best, other, i) => (apart(colour, other) < apart(colour, kept[best]) ? i : best), 0);
  const table = kept.flatMap(colour => channels(colour).map(value => Math.round(value * 255 / 31)));
  return { numbers, table: [...table, ...Array(3 * COLOURS - table.length).fill(0)] };
}

function changed(before, picture, side) { // the smallest rectangle in which they differ
  if (!before) return { left: 0, top: 0, width: side, height: side };
  let [left, top, right, bottom] = [side, side, 0, 0];
  picture.forEach((colour, i) => {
    if (colour === before[i]) return;
    const x = i % side, y = Math.floor(i / side);
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  });
  return left > right ? { left: 0, top: 0, width: 1, height: 1 } : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function compressed(pixels) { // by LZW, in blocks of up to 255 bytes
  const bytes = [];
  const known = new Uint16Array(CODES * COLOURS);
  let [bits, held, width, next] = [0, 0, 9, END + 1];
  const write = code => {
    bits |= code << held;
    for (held += width; held >= 8; held -= 8, bits >>= 8) bytes.push(bits & 255);
  };
  write(CLEAR);
  let prefix = pixels[0];
  for (const pixel of pixels.subarray(1)) {
    const longer = prefix << 8 | pixel;
    if (known[longer]) prefix = known[longer];
    else {
      write(prefix);
      prefix = pixel;
      if (next < CODES) {
        if (next === 1 << width) width++;
        known[longer] = next++;
      } else {
        write(CLEAR);
        known.fill(0);
        [width, next] = [9, END + 1];
      }
    }
  }
  write(prefix);
  write(END);
  if (held) bytes.push(bits & 255);
  const blocks = [];
  for (let i = 0; i < bytes.length; i += 255) {
    const block = bytes.slice(i, i + 255);
    blocks.push(Uint8Array.from([block.length, ...block]));
  }
  return [...blocks, Uint8Array.of(0)];
}
