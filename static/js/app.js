// What the pages do beyond links and forms. Everything works without it; nothing here decides anything.
// Listeners sit on the document, so parts that htmx swaps in need no wiring of their own.
(() => {
  'use strict';
  const doc = document;
  const find = (selector, within = doc) => within.querySelector(selector);
  const each = (selector, act, within = doc) => within.querySelectorAll(selector).forEach(act);
  const cookie = (name) => doc.cookie.split('; ').find((c) => c.startsWith(name + '='))?.slice(name.length + 1);

  doc.documentElement.classList.add('js');

  // --- the live region: said politely, seen as a slip of paper, gone after a while

  const notice = () => find('#notice');
  let clearing;

  function fade() {
    clearTimeout(clearing);
    clearing = setTimeout(() => {
      const slip = notice();
      if (slip.matches(':hover, :focus-within')) fade();
      else slip.replaceChildren();
    }, 12000);
  }

  function say(words, warn = false) {
    const slip = doc.createElement('div');
    slip.className = warn ? 'said said-warn' : 'said';
    slip.append(Object.assign(doc.createElement('p'), { textContent: words }));
    notice().replaceChildren(slip);
    fade();
  }

  // --- the header, from cookies that scripts may read: public pages are the same bytes for everybody

  function header() {
    const count = parseInt(cookie('cart_count') ?? '', 10);
    if (count >= 0) find('#cart-count').textContent = count ? `Cart (${count})` : 'Cart';
    find('#account-label').textContent = cookie('signed_in') ? 'Account' : 'Sign in';
  }

  // --- times in the reader's own zone

  const CLOCK = { hour: 'numeric', minute: '2-digit' };
  const WHEN = { day: 'numeric', month: 'short', year: 'numeric', ...CLOCK };

  function localTimes(within) {
    each('time[datetime]:not([title])', (time) => {
      const at = new Date(time.dateTime);
      if (isNaN(at)) return;
      time.title = time.textContent;
      time.textContent = 'clock' in time.dataset ? at.toLocaleTimeString([], CLOCK) : at.toLocaleString([], WHEN);
    }, within);
  }

  // --- the hold's clock, on the server's time: the reader's may be minutes off

  const MOMENTS = [[300, 'Five minutes left to pay for your order.'], [60, 'One minute left to pay for your order.']];
  let ticking;

  function holdClock() {
    clearInterval(ticking);
    const hold = find('[data-expires]');
    if (!hold) return;
    const ahead = Date.parse(hold.dataset.now) - Date.now();
    const ends = Date.parse(hold.dataset.expires);
    const whole = Number(hold.dataset.seconds) || 900;
    const words = find('[data-left]', hold);
    const bar = find('progress', hold);
    let before = Infinity;
    const tick = () => {
      const left = Math.max(0, Math.ceil((ends - Date.now() - ahead) / 1000));
      words.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
      bar.value = Math.min(1, left / whole);
      hold.classList.toggle('hold-short', left <= 60);
      for (const [seconds, told] of MOMENTS) if (before > seconds && left <= seconds && before !== Infinity) say(told);
      before = left;
      if (left > 0) return;
      clearInterval(ticking);
      say('The hold on your order has ended.');
      find('#tracking')?.dispatchEvent(new CustomEvent('every'));
    };
    words.hidden = bar.hidden = false;
    tick();
    if (before > 0) ticking = setInterval(tick, 1000);
  }

  // --- what a page or a swapped part shows only with scripts

  let status;

  function dress(within = doc) {
    localTimes(within);
    each('form[data-check]', (form) => { form.noValidate = true; }, within);
    each('[data-step], [data-print]', (e) => { e.hidden = false; }, within);
    if (navigator.clipboard) each('[data-copy]', (e) => { e.hidden = false; }, within);
    const now = find('#tracking')?.dataset.status;
    if (status && now && now !== status) say(find('[data-headline]').textContent.trim());
    status = now;
    holdClock();
  }

  // On a wide page the order's summary stands open beside the form.
  if (matchMedia('(min-width: 60rem)').matches) each('details[data-wide-open]', (e) => { e.open = true; });

  // --- clicks

  doc.addEventListener('click', async (event) => {
    const on = event.target.closest?.('[data-step], [data-copy], [data-print], [data-reload], .card-link');
    if (!on) return;
    if (on.dataset.step) {
      const input = find('input', on.closest('.quantity'));
      const least = Number(input.dataset.least);
      const next = Math.min(99, Math.max(least, (parseInt(input.value, 10) || 0) + Number(on.dataset.step)));
      if (String(next) === input.value) return;
      input.value = next;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    } else if (on.dataset.copy) {
      try {
        await navigator.clipboard.writeText(on.dataset.copy);
        say('Tracking code copied.');
      } catch {
        getSelection().selectAllChildren(find('.code'));
      }
    } else if ('print' in on.dataset) {
      print();
    } else if ('reload' in on.dataset) {
      event.preventDefault();
      location.reload();
    } else {
      // The picture travels to its place on the product's page (a view transition, where there are any).
      each('.travels', (e) => e.classList.remove('travels'));
      find('.tile', on)?.classList.add('travels');
    }
  });

  // --- forms: what is wrong is said when a field is left, and taken back as soon as it is right

  const problem = (field) => {
    if (field.validity.valid) return '';
    if (field.validity.valueMissing || !field.value.trim()) return field.dataset.missing || field.validationMessage;
    return field.dataset.wrong || field.validationMessage;
  };

  function mark(field, words) {
    const place = doc.getElementById(field.id + '-error');
    if (!place) return;
    place.textContent = words;
    place.parentElement.classList.toggle('field-wrong', Boolean(words));
    if (words) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
  }

  const checked = (target) => target.form?.matches('[data-check]') && target.willValidate && target.type !== 'submit';

  doc.addEventListener('focusout', ({ target }) => {
    if (checked(target) && (target.value || target.hasAttribute('aria-invalid'))) mark(target, problem(target));
  });
  doc.addEventListener('input', ({ target }) => {
    if (checked(target) && target.hasAttribute('aria-invalid') && target.validity.valid) mark(target, '');
  });

  doc.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.matches('[data-check]')) {
      const wrong = [...form.elements].filter((f) => checked(f) && !f.validity.valid);
      each('input, select, textarea', (f) => checked(f) && mark(f, problem(f)), form);
      if (wrong.length) {
        event.preventDefault();
        wrong[0].focus();
        return;
      }
    }
    if (!form.matches('[data-once]')) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = '1';
    // After this turn, so that the button still counts as the one that sent the form.
    setTimeout(() => each('button[type=submit]', (b) => { b.disabled = true; }, form));
  });

  // A search address without the fields nobody filled in.
  doc.addEventListener('formdata', ({ target, formData }) => {
    if (!target.matches('[data-tidy]')) return;
    for (const [name, value] of [...formData]) {
      if (!value || value === find(`[name="${CSS.escape(name)}"]`, target)?.dataset.default) formData.delete(name);
    }
  });

  // --- htmx

  // An answer that is not the part that was asked for never takes its place: its words are said instead.
  doc.addEventListener('htmx:before:swap', (event) => {
    const { ctx } = event.detail;
    const target = ctx.target;
    if (!(ctx.response?.status >= 400) || (ctx.swap !== 'none' && target?.id && ctx.text.includes(`id="${target.id}"`))) return;
    event.preventDefault();
    if (target?.id === 'tracking') return;
    const page = new DOMParser().parseFromString(ctx.text, 'text/html');
    say(find('[data-message]', page)?.textContent.trim() || 'That did not work. Please try again.', true);
  });
  doc.addEventListener('htmx:error', ({ detail }) => {
    // A tracking page asks again by itself; it need not complain.
    if (detail.ctx?.target?.id !== 'tracking') say('We couldn’t reach the shop. Check your connection and try again.', true);
  });
  doc.addEventListener('htmx:after:swap', ({ detail }) => {
    const target = detail.ctx.target?.id && doc.getElementById(detail.ctx.target.id);
    dress();
    if (find('#notice .said')) fade();
    // The link or button that was used is gone with the old part: go on from the new part's heading.
    if (target && doc.activeElement === doc.body) find('[data-focus]', target)?.focus({ preventScroll: true });
    header();
  });

  // --- start, and again when the browser shows a page it kept

  dress();
  addEventListener('pageshow', (event) => {
    header();
    if (!event.persisted) return;
    each('form[data-sent]', (form) => {
      delete form.dataset.sent;
      each('button[type=submit]', (b) => { b.disabled = false; }, form);
    });
    holdClock();
  });
})();
