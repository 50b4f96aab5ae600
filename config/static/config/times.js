// Writes every moment of a page in the viewer's own zone; the exact one in UTC stays in its title.
(() => {
  "use strict";
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const forms = {
    moment: { day: "numeric", month: "short", year: "numeric", ...time },
    exact: { day: "numeric", month: "short", year: "numeric", ...time, fractionalSecondDigits: 3 },
    short: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
    time,
  };

  function write(element) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime()) || element.dataset.written === element.dateTime) return;
    element.dataset.written = element.dateTime;
    const options = { hourCycle: "h23", ...(forms[element.dataset.form] || forms.moment) };
    element.textContent = new Intl.DateTimeFormat("en-GB", options).format(at);
  }

  function writeAll(root) {
    if (root.matches?.("time[data-form]")) write(root);
    root.querySelectorAll?.("time[data-form]").forEach(write);
  }

  document.addEventListener("DOMContentLoaded", () => {
    writeAll(document);
    // What comes later, when a live page puts new parts in place.
    new MutationObserver((changes) => {
      for (const change of changes) change.addedNodes.forEach(writeAll);
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
