// What a page that is computed in the browser gives away: its link, its picture, and an animation of what it shows.

import { coarse, gif } from './gif.js';
import { button } from './page.js';
import { set } from './shared.js';

const PICTURE = 1024; // px of a saved picture
const ANIMATED = 400; // px of an animation
const EACH = 50; // ms that a picture of it is shown, at least
const MOST = 150; // pictures of it
const LAST = 1500; // ms that the last one stays
const LOOKS = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'opacity', 'vector-effect', 'display'];

// The buttons, in `row`. `page` has a `name` for the files, a `picture()`, and `replay(film)`, which calls
// `film(ms, show)`: so long is the animation, and `show(now)` draws what is seen after `now` ms. Its `shown()` is another
// object once something else is shown: the film is then given up. `note` tells how it went.
export function saveButtons(row, page, note) {
  button(row, 'Copy link', 'A link that shows what you see', () => copyLink(note));
  button(row, 'Save picture', 'The world as you see it, as a PNG', () => savePicture(page));
  const animate = button(row, 'Save animation', 'All of it from the beginning, as a GIF', async () => {
    animate.disabled = true;
    note('The animation is being drawn …');
    let outcome = 'The animation has failed: press the button again.';
    try {
      await page.replay(async (ms, show) => { outcome = await saveAnimation(page, ms, show); });
    } finally {
      animate.disabled = false;
      note(outcome);
    }
  });
}

async function copyLink(note) {
  try {
    await navigator.clipboard.writeText(location.href);
    note('The link is copied: it shows what you see.');
  } catch {
    note(`Copy the address: ${location.href}`);
  }
}

async function savePicture({ picture, name }) {
  const canvas = await painted(picture(), PICTURE);
  save(canvas.toDataURL(), `${name}.png`);
}

async function saveAnimation({ picture, name, shown }, ms, show) { // how it went
  const begun = shown();
  const each = Math.max(EACH, ms / MOST);
  const pictures = [];
  for (let k = 0; k <= Math.ceil(ms / each); k++) {
    if (shown() !== begun) return 'Nothing is saved, for something has changed: press the button again.';
    show(Math.min(k * each, ms));
    const canvas = await painted(picture(), ANIMATED);
    pictures.push(coarse(canvas.getContext('2d').getImageData(0, 0, ANIMATED, ANIMATED).data));
  }
  const url = URL.createObjectURL(gif(pictures, ANIMATED, each, LAST));
  save(url, `${name}.gif`);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return 'The animation is saved.';
}

async function painted(svg, size) { // styles go with the picture
  const copy = svg.cloneNode(true);
  const parts = element => [element, ...element.querySelectorAll('*')];
  const drawn = parts(svg);
  parts(copy).forEach((part, i) => {
    const style = getComputedStyle(drawn[i]);
    LOOKS.forEach(look => part.style.setProperty(look, style[look]));
  });
  set(copy, { xmlns: 'http://www.w3.org/2000/svg', width: size, height: size });
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size;
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas;
}

function save(url, name) {
  const anchor = document.createElement('a');
  set(anchor, { href: url, download: name });
  anchor.click();
}
