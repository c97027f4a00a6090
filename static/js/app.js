// What the pages do beyond links and forms. Everything works without it; nothing here decides anything.
// Listeners sit on the document, so parts that htmx swaps in need no wiring of their own.
(() => {
  'use strict';
  const doc = document;
  const find = (selector, within = doc) => within.querySelector(selector);
  const all = (selector, within = doc) => within.querySelectorAll(selector);

  doc.documentElement.classList.add('js');

  function cookie(name) {
    const found = doc.cookie.split('; ').find((one) => one.startsWith(`${name}=`));
    return found?.slice(name.length + 1);
  }

  // --- the live region: said politely, seen as a slip of paper, gone after a while

  const SHOWN_FOR = 12_000; // milliseconds
  let clearing;

  function fade() {
    clearTimeout(clearing);
    clearing = setTimeout(() => {
      const notice = find('#notice');
      // Not from under a pointer, nor with the focus in it.
      if (notice.matches(':hover, :focus-within')) fade();
      else notice.replaceChildren();
    }, SHOWN_FOR);
  }

  function say(words, warn = false) {
    const line = doc.createElement('p');
    line.textContent = words;
    const slip = doc.createElement('div');
    slip.className = warn ? 'said said-warn' : 'said';
    slip.append(line);
    find('#notice').replaceChildren(slip);
    fade();
  }

  // --- the header, from cookies that scripts may read: public pages are the same bytes for everybody

  function fillHeader() {
    const count = Number.parseInt(cookie('cart_count') ?? '', 10);
    if (count >= 0) find('#cart-count').textContent = count ? `Cart (${count})` : 'Cart';
    find('#account-label').textContent = cookie('signed_in') ? 'Account' : 'Sign in';
  }

  // --- times in the reader's own zone

  const CLOCK = { hour: 'numeric', minute: '2-digit', timeZoneName: 'short' };
  const WHEN = { day: 'numeric', month: 'short', year: 'numeric', ...CLOCK };

  function makeTimesLocal() {
    // The title keeps what the page said, and marks those that are done.
    for (const time of all('time[datetime]:not([title])')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = time.textContent;
      const clockAlone = 'clock' in time.dataset;
      time.textContent = clockAlone ? at.toLocaleTimeString([], CLOCK) : at.toLocaleString([], WHEN);
    }
  }

  // --- the hold's clock, on the server's time: the reader's may be minutes off

  const WARNINGS = [
    [300, 'Five minutes left to pay for your order.'],
    [60, 'One minute left to pay for your order.'],
  ];
  let ticking;

  function startHoldClock() {
    clearInterval(ticking);
    const hold = find('[data-expires]');
    if (!hold) return;
    const ahead = Date.parse(hold.dataset.now) - Date.now();
    const ends = Date.parse(hold.dataset.expires);
    const secondsLeft = () => Math.max(0, Math.ceil((ends - Date.now() - ahead) / 1000));
    let before = secondsLeft();

    const tick = () => {
      const left = secondsLeft();
      showHold(hold, left);
      // Only when a mark is passed: a page opened later than that says nothing of it.
      for (const [seconds, words] of WARNINGS) {
        if (before > seconds && left <= seconds) say(words);
      }
      before = left;
      if (left === 0) endHold();
    };

    find('[data-left]', hold).hidden = false;
    find('progress', hold).hidden = false;
    tick();
    if (before > 0) ticking = setInterval(tick, 1000);
  }

  function showHold(hold, left) {
    const seconds = String(left % 60).padStart(2, '0');
    const whole = Number(hold.dataset.seconds) || 900;
    find('[data-left]', hold).textContent = `${Math.floor(left / 60)}:${seconds}`;
    find('progress', hold).value = Math.min(1, left / whole);
    hold.classList.toggle('hold-short', left <= 60);
  }

  function endHold() {
    clearInterval(ticking);
    say('The hold on your order has ended.');
    // As if the tracking's own interval were over: it asks for itself again.
    find('#tracking')?.dispatchEvent(new CustomEvent('every'));
  }

  // --- what a page or a swapped part shows only with scripts

  let status;

  function dress() {
    makeTimesLocal();
    // Their problems are told beside the fields, not by the browser.
    for (const form of all('form[data-check]')) form.noValidate = true;
    for (const tool of all('[data-step], [data-print]')) tool.hidden = false;
    if (navigator.clipboard) for (const tool of all('[data-copy]')) tool.hidden = false;
    tellNewStatus();
    startHoldClock();
  }

  /** All statuses that the tracking part shows, as one text: the order's, its delivery's, each parcel's. */
  function statuses(tracking) {
    const parcels = [...all('[data-parcel]', tracking)].map((one) => one.dataset.parcelStatus);
    return [tracking.dataset.status, tracking.dataset.delivery, ...parcels].join(' ');
  }

  function tellNewStatus() {
    const tracking = find('#tracking');
    const now = tracking && statuses(tracking);
    if (status && now && now !== status) say(find('[data-headline]').textContent.trim());
    status = now;
  }

  function openWideSummaries() {
    if (!matchMedia('(min-width: 60rem)').matches) return;
    for (const summary of all('details[data-wide-open]')) summary.open = true;
  }

  // --- clicks

  function step(button) {
    const input = find('input', button.closest('.quantity'));
    const wished = (Number.parseInt(input.value, 10) || 0) + Number(button.dataset.step);
    const next = String(Math.min(99, Math.max(Number(input.dataset.least), wished)));
    if (next === input.value) return;
    input.value = next;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say('Tracking code copied.');
    } catch {
      // Refused: at least it stands selected, ready for the keyboard.
      getSelection().selectAllChildren(find('.code', button.parentElement));
    }
  }

  // The picture travels to its place on the product's page (a view transition, where there are any).
  function sendPicture(link) {
    for (const other of all('.travels')) other.classList.remove('travels');
    find('.tile', link)?.classList.add('travels');
  }

  doc.addEventListener('click', (event) => {
    const on = event.target.closest?.('[data-step], [data-copy], [data-print], [data-reload], .card-link');
    if (!on) return;
    if (on.dataset.step) step(on);
    else if (on.dataset.copy) copy(on);
    else if ('print' in on.dataset) print();
    else if ('reload' in on.dataset) {
      event.preventDefault();
      location.reload();
    } else sendPicture(on);
  });

  // --- forms: what is wrong is said when a field is left, and taken back as soon as it is right

  const isChecked = (field) =>
    field.form?.matches('[data-check]') && field.willValidate && field.type !== 'submit';

  function problem(field) {
    if (field.validity.valid) return '';
    const missing = field.validity.valueMissing || !field.value.trim();
    return (missing ? field.dataset.missing : field.dataset.wrong) || field.validationMessage;
  }

  function mark(field, words) {
    const place = doc.getElementById(`${field.id}-error`);
    if (!place) return;
    place.textContent = words;
    place.parentElement.classList.toggle('field-wrong', Boolean(words));
    if (words) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
  }

  /** Mark every field of a form, go to the first that is wrong; whether all are right. */
  function check(form) {
    const fields = [...form.elements].filter(isChecked);
    for (const field of fields) mark(field, problem(field));
    const wrong = fields.find((field) => !field.validity.valid);
    wrong?.focus();
    return !wrong;
  }

  function setButtons(form, disabled) {
    for (const button of all('button[type=submit]', form)) button.disabled = disabled;
  }

  doc.addEventListener('focusout', ({ target }) => {
    if (!isChecked(target)) return;
    // An empty field that was only passed through is no mistake yet.
    if (target.value || target.hasAttribute('aria-invalid')) mark(target, problem(target));
  });

  doc.addEventListener('input', ({ target }) => {
    if (isChecked(target) && target.hasAttribute('aria-invalid') && target.validity.valid) mark(target, '');
  });

  doc.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.matches('[data-check]') && !check(form)) {
      event.preventDefault();
      return;
    }
    if (!form.matches('[data-once]')) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = '1';
    // After this turn, so that the button still counts as the one that sent the form.
    setTimeout(() => setButtons(form, true));
  });

  // A search address without the fields nobody filled in.
  doc.addEventListener('formdata', ({ target: form, formData }) => {
    if (!form.matches('[data-tidy]')) return;
    for (const [name, value] of [...formData]) {
      const usual = find(`[name="${CSS.escape(name)}"]`, form)?.dataset.default;
      if (!value || value === usual) formData.delete(name);
    }
  });

  // --- htmx

  /** Whether an answer is a refusal that does not hold the part it was asked for. */
  function missesItsPart({ response, swap, target, text }) {
    if (!(response?.status >= 400)) return false;
    return swap === 'none' || !target?.id || !text.includes(`id="${target.id}"`);
  }

  // Such an answer never takes the part's place: its words are said instead.
  doc.addEventListener('htmx:before:swap', (event) => {
    const { ctx } = event.detail;
    if (!missesItsPart(ctx)) return;
    event.preventDefault();
    // A tracking page asks again by itself; it need not complain. Nor below.
    if (ctx.target?.id === 'tracking') return;
    const page = new DOMParser().parseFromString(ctx.text, 'text/html');
    const words = find('[data-message]', page)?.textContent.trim();
    say(words || 'That did not work. Please try again.', true);
  });

  doc.addEventListener('htmx:error', ({ detail }) => {
    if (detail.ctx?.target?.id === 'tracking') return;
    say('We couldn’t reach the shop. Check your connection and try again.', true);
  });

  doc.addEventListener('htmx:after:swap', ({ detail }) => {
    const id = detail.ctx.target?.id;
    const part = id && doc.getElementById(id);
    dress();
    if (find('#notice .said')) fade();
    // The link or button that was used is gone with the old part: go on from the new part's heading.
    const lost = doc.activeElement === doc.body;
    if (part && lost) find('[data-focus]', part)?.focus({ preventScroll: true });
    fillHeader();
  });

  // --- start, and again when the browser shows a page it kept

  dress();
  openWideSummaries();

  addEventListener('pageshow', (event) => {
    fillHeader();
    if (!event.persisted) return;
    for (const form of all('form[data-sent]')) {
      delete form.dataset.sent;
      setButtons(form, false);
    }
    startHoldClock();
  });
})();
