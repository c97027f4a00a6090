// What the shop offers while something is typed into the search field: a combobox with a list (WAI-ARIA's
// pattern, https://www.w3.org/WAI/ARIA/apg/patterns/combobox/). Without it the field is a form, which stays.
(() => {
  'use strict';
  const field = document.querySelector('.search input');
  if (!field) return;
  const form = field.form;
  const PAUSE = 150; // milliseconds

  const box = document.createElement('div');
  box.className = 'offers-box';
  box.hidden = true;
  const told = document.createElement('span');
  told.className = 'vh';
  told.setAttribute('role', 'status');
  form.append(box, told);
  set(field, {
    role: 'combobox',
    'aria-autocomplete': 'list',
    'aria-expanded': 'false',
    'aria-controls': 'offers',
  });

  let waiting;
  let asking; // the request under way
  let options = [];
  let chosen = -1;

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  }

  const typed = () => field.value.trim();

  function close() {
    clearTimeout(waiting);
    asking?.abort();
    box.hidden = true;
    told.textContent = '';
    choose(-1);
    field.setAttribute('aria-expanded', 'false');
  }

  function choose(place) {
    options[chosen]?.setAttribute('aria-selected', 'false');
    chosen = place;
    const option = options[chosen];
    if (!option) {
      field.removeAttribute('aria-activedescendant');
      return;
    }
    option.setAttribute('aria-selected', 'true');
    field.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  }

  async function ask() {
    asking?.abort();
    const words = typed();
    if (!words) return close();
    const mine = new AbortController();
    asking = mine;
    try {
      const address = `${form.action}/suggestions?${new URLSearchParams({ q: words })}`;
      const answer = await fetch(address, { headers: { 'HX-Request': 'true' }, signal: mine.signal });
      const text = await answer.text();
      // Whoever typed on, left or was refused sees nothing of it.
      if (mine.signal.aborted || words !== typed()) return;
      if (answer.ok) show(text);
      else close();
    } catch {
      if (!mine.signal.aborted) close();
    }
  }

  function show(text) {
    const list = new DOMParser().parseFromString(text, 'text/html').getElementById('suggestions');
    if (!list) return close();
    choose(-1);
    const words = list.querySelector('[data-told]');
    words.remove();
    options = [...list.querySelectorAll('a')];
    list.id = 'offers';
    list.setAttribute('role', 'listbox');
    for (const group of list.querySelectorAll('section')) group.setAttribute('role', 'group');
    for (const other of list.querySelectorAll('ul, li, h2')) other.setAttribute('role', 'presentation');
    options.forEach((option, place) => {
      set(option, { role: 'option', id: `offer-${place}`, tabindex: '-1', 'aria-selected': 'false' });
    });
    box.replaceChildren(list);
    box.hidden = !options.length;
    field.setAttribute('aria-expanded', String(!box.hidden));
    told.textContent = words.textContent.trim();
  }

  function later() {
    clearTimeout(waiting);
    asking?.abort();
    if (!typed()) close();
    else waiting = setTimeout(ask, PAUSE);
  }

  field.addEventListener('input', (event) => {
    if (!event.isComposing) later();
  });
  field.addEventListener('compositionend', later);

  field.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    const open = !box.hidden;
    if (event.key === 'Escape' && open) close();
    else if (event.key === 'Enter' && options[chosen] && open) options[chosen].click();
    else if (event.key === 'ArrowDown' && !open) ask();
    else if (event.key === 'ArrowDown') choose(chosen + 1 < options.length ? chosen + 1 : -1);
    else if (event.key === 'ArrowUp' && open) choose(chosen < 0 ? options.length - 1 : chosen - 1);
    else return;
    event.preventDefault();
  });

  // A click in the list must not take the focus from the field first: the list would be gone.
  box.addEventListener('pointerdown', (event) => event.preventDefault());
  box.addEventListener('mousedown', (event) => event.preventDefault());
  field.addEventListener('blur', close);
  form.addEventListener('submit', close);
  addEventListener('pageshow', close);
})();
