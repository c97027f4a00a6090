// A product's pictures: the small ones scroll to the large without moving the page, and each can be looked at
// as large as the window. Without it they are links to places of the page, and to the pictures themselves.
(() => {
  'use strict';
  const gallery = document.querySelector('#gallery');
  const strip = gallery?.querySelector('.views');
  if (!strip) return;
  const views = [...strip.querySelectorAll('.view')];
  const thumbs = [...gallery.querySelectorAll('.thumbs a')];
  const last = views.length - 1;
  let dialog;
  let at = 0;

  function show(index) {
    strip.scrollTo({ left: index * strip.clientWidth });
  }

  function mark() {
    const seen = Math.round(strip.scrollLeft / strip.clientWidth);
    thumbs.forEach((thumb, index) => {
      if (index === seen) thumb.setAttribute('aria-current', 'true');
      else thumb.removeAttribute('aria-current');
    });
  }

  function button(words, press) {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = words;
    made.addEventListener('click', press);
    return made;
  }

  function turn(steps) {
    at = Math.min(Math.max(at + steps, 0), last);
    const image = dialog.querySelector('img');
    image.src = views[at].href;
    image.alt = views[at].querySelector('img').alt;
    const [back, on] = dialog.querySelectorAll('[data-turn]');
    if (back) {
      back.disabled = at === 0;
      on.disabled = at === last;
    }
  }

  function make() {
    dialog = document.createElement('dialog');
    dialog.className = 'zoom';
    dialog.setAttribute('aria-label', 'Picture');
    const image = document.createElement('img');
    image.addEventListener('click', () => dialog.close());
    const bar = document.createElement('div');
    bar.className = 'zoom-bar';
    if (last > 0) {
      for (const [words, steps] of [
        ['Back', -1],
        ['Next', 1],
      ]) {
        const made = button(words, () => turn(steps));
        made.dataset.turn = steps;
        bar.append(made);
      }
    }
    bar.append(button('Close', () => dialog.close()));
    dialog.append(image, bar);
    dialog.addEventListener('keydown', (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (steps) turn(steps);
    });
    dialog.addEventListener('close', () => {
      show(at);
      views[at].focus({ preventScroll: true });
    });
    document.body.append(dialog);
  }

  views.forEach((view, index) => {
    view.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (!dialog) make();
      at = index;
      turn(0);
      dialog.showModal();
    });
  });
  thumbs.forEach((thumb, index) => {
    thumb.addEventListener('click', (event) => {
      event.preventDefault();
      show(index);
    });
  });
  strip.addEventListener('scroll', mark, { passive: true });
  mark();
})();
