/** Shows times in the viewer's zone, and lets a screen refresh itself. */
(() => {
  'use strict';
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

  const { timeZone } = format.resolvedOptions();
  const zone = document.querySelector('[data-zone]');
  if (zone) zone.textContent = `Times are in the zone of this browser, ${timeZone}.`;

  function showTimes(root) {
    for (const time of root.querySelectorAll('time[datetime]')) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      time.title = time.dateTime;
      time.textContent = format.format(date);
    }
  }

  /** Whether a refresh would take something away from the viewer: the focus, or a text that is selected. */
  function isInUse(region) {
    const selection = getSelection();
    return (
      region.contains(document.activeElement) ||
      (selection !== null && !selection.isCollapsed && region.contains(selection.anchorNode))
    );
  }

  const REFRESH_MS = 5000;
  let timer;

  function refresh() {
    const region = document.querySelector('[data-refresh]');
    if (region === null || document.hidden || isInUse(region)) return;
    window.htmx.ajax('GET', location.href, {
      target: '#live',
      select: '#live',
      swap: 'outerHTML',
    });
  }

  function setRefreshing(button, on) {
    clearInterval(timer);
    if (on) timer = setInterval(refresh, REFRESH_MS);
    button.setAttribute('aria-pressed', String(on));
    button.textContent = on ? 'Refreshing every 5 s' : 'Refresh every 5 s';
  }

  function prepareRefresh() {
    const button = document.querySelector('button[data-refresh-button]');
    if (button === null || !window.htmx) return;
    button.hidden = false;
    setRefreshing(button, true);
    button.addEventListener('click', () =>
      setRefreshing(button, button.getAttribute('aria-pressed') !== 'true'),
    );
  }

  /** Takes the button away when the screen has become one that changes no more, such as a replay that has ended. */
  function endRefresh() {
    const button = document.querySelector('button[data-refresh-button]');
    if (button === null || document.querySelector('[data-refresh]') !== null) return;
    clearInterval(timer);
    button.remove();
  }

  const RESEND_MS = 5000;

  /** Sends a form once, however often a person clicks. If there is no answer, a person may try again. */
  function sendOnce(event) {
    const { method, dataset } = event.target;
    if (method !== 'post') return;
    if (Date.now() - Number(dataset.sentAt ?? 0) < RESEND_MS) event.preventDefault();
    else dataset.sentAt = String(Date.now());
  }

  document.addEventListener('submit', sendOnce);
  document.addEventListener('DOMContentLoaded', () => {
    showTimes(document);
    prepareRefresh();
  });
  document.addEventListener('htmx:afterSettle', () => {
    showTimes(document);
    endRefresh();
  });
  /** Says since when the page's process does not answer, because what is shown is then of that time. */
  function showLost(isLost) {
    const lost = document.querySelector('[data-lost]');
    if (lost === null || lost.hidden !== isLost) return;
    lost.hidden = !isLost;
    if (isLost) lost.querySelector('time').dateTime = new Date().toISOString();
    showTimes(lost);
  }

  document.addEventListener('htmx:responseError', (event) => {
    // The session has ended: the screen itself asks for a login.
    if (event.detail.xhr.status === 401) location.reload();
    else showLost(true);
  });
  document.addEventListener('htmx:sendError', () => showLost(true));
  document.addEventListener('htmx:timeout', () => showLost(true));
  document.addEventListener('htmx:afterOnLoad', (event) => {
    if (event.detail.xhr.status < 400) showLost(false);
  });
})();
