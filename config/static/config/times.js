// Writes every moment of a page in the viewer's own zone; the exact one in UTC stays in its title.
(() => {
  "use strict";
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const forms = {
    moment: { day: "numeric", month: "short", year: "numeric", ...time },
    exact: { day: "numeric", month: "short", year: "numeric", ...time, fractionalSecondDigits: 3 },
    short: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
    time,
    hour: { hour: "2-digit", minute: "2-digit" },
  };

  function say(at, form) {
    const options = { hourCycle: "h23", ...(forms[form] || forms.moment) };
    return new Intl.DateTimeFormat("en-GB", options).format(at);
  }

  function write(element) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime()) || element.dataset.written === element.dateTime) return;
    element.dataset.written = element.dateTime;
    element.textContent = say(at, element.dataset.form);
  }

  // Words around a moment, in an element that can hold no other: the title of a part of a picture.
  function writeWords(element) {
    const at = new Date(element.dataset.at);
    if (Number.isNaN(at.getTime())) return;
    element.textContent = element.dataset.words.replace("{}", () => say(at, element.dataset.form));
  }

  // Before unfold draws the chart from them, which it does once all is loaded.
  function writeLabels(chart) {
    const value = JSON.parse(chart.dataset.value);
    value.labels = JSON.parse(chart.dataset.times).map((at) => say(new Date(at), "hour"));
    chart.dataset.value = JSON.stringify(value);
  }

  function writeAll(root) {
    if (root.matches?.("time[data-form]")) write(root);
    root.querySelectorAll?.("time[data-form]").forEach(write);
    root.querySelectorAll?.("[data-words]").forEach(writeWords);
  }

  document.addEventListener("DOMContentLoaded", () => {
    writeAll(document);
    document.querySelectorAll("canvas[data-times]").forEach(writeLabels);
    // What comes later, when a live page puts new parts in place.
    new MutationObserver((changes) => {
      for (const change of changes) change.addedNodes.forEach(writeAll);
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
