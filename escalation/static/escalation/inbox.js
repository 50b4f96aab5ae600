// Keeps the inbox true without a reload, and takes its keys. What is new only the server may say: the stream names
// tickets, and the rows are fetched anew under the rights of whoever looks.
(() => {
  "use strict";
  const LEAST_PAUSE = 1000; // ms between two fetches
  const SLOW_LOOK = 60000; // what no ticket's row tells: claims that ran out, tickets moved to where one sees none

  document.addEventListener("DOMContentLoaded", () => {
    const inbox = document.querySelector("[data-inbox]");
    if (!inbox) return;
    const note = inbox.querySelector("[data-live-note]");
    const box = inbox.querySelector("[data-inbox-rows]");
    takeKeys(inbox, box);

    let asked = false;
    let fetching = false;
    let earliest = 0;

    function say(state, words) {
      if (note.dataset.state === state) return;
      note.dataset.state = state;
      note.textContent = words;
    }

    function look() {
      asked = true;
      if (fetching || document.hidden) return;
      fetching = true;
      setTimeout(fetchRows, Math.max(0, earliest - performance.now()));
    }

    async function fetchRows() {
      asked = false;
      try {
        const query = new URLSearchParams(inbox.dataset.query);
        query.set("part", "rows");
        const answer = await fetch(`${inbox.dataset.inbox}?${query}`, { credentials: "same-origin" });
        if (answer.redirected || answer.status === 403) say("out", "You are signed out, or may no longer look. Reload the page.");
        else if (answer.ok) put(await answer.text());
      } catch {
        say("off", "The server can’t be reached; trying again …");
      }
      earliest = performance.now() + LEAST_PAUSE;
      fetching = false;
      if (asked) look();
    }

    function put(text) {
      const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-fragment]");
      if (!fresh) return;
      const known = new Set(numbers(box));
      const active = box.contains(document.activeElement) ? document.activeElement : null;
      const focused = active?.closest("[data-ticket]")?.dataset.ticket;
      const part = active?.matches("[data-claim]") ? "[data-claim]" : "[data-open-ticket]";
      const ticked = new Set([...box.querySelectorAll("[name=tickets]:checked")].map((tick) => tick.value));
      box.replaceChildren(document.adoptNode(fresh));
      for (const tick of box.querySelectorAll("[name=tickets]")) tick.checked = ticked.has(tick.value);
      for (const row of box.querySelectorAll("[data-ticket]")) {
        if (known.size && !known.has(row.dataset.ticket)) row.classList.add("rm-ticket-new");
      }
      if (focused) {
        const row = box.querySelector(`[data-ticket="${focused}"]`);
        (row?.querySelector(part) || row?.querySelector("[data-open-ticket]"))?.focus({ preventScroll: true });
      }
      for (const element of document.querySelectorAll("[data-count]")) {
        const number = fresh.dataset[element.dataset.count];
        if (number !== undefined && element.textContent !== number) element.textContent = number;
      }
    }

    window.ringmasterFollow.follow(inbox.dataset.live, inbox.dataset.hub, (message) => {
      if (message.kind === "on") say("on", "Live");
      if (message.kind === "off") say("poll", "Live updates are unavailable: looking every 5 seconds");
      if (message.kind !== "off") look();
    });
    document.addEventListener("visibilitychange", () => asked && look());
    setInterval(look, SLOW_LOOK);
  });

  function numbers(box) {
    return [...box.querySelectorAll("[data-ticket]")].map((row) => row.dataset.ticket);
  }

  function takeKeys(inbox, box) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (event.target.closest("input, textarea, select, [contenteditable]")) {
        if (event.key === "Escape") event.target.blur();
        return;
      }
      const links = [...box.querySelectorAll("[data-open-ticket]")];
      const row = document.activeElement?.closest("[data-ticket]");
      const at = links.findIndex((link) => row?.contains(link));
      const keys = {
        j: () => links[Math.min(at + 1, links.length - 1)]?.focus(),
        k: () => links[Math.max(at - 1, 0)]?.focus(),
        c: () => row?.querySelector("[data-claim]")?.click(),
        n: () => inbox.querySelector(".rm-take-next button")?.click(),
        "/": () => inbox.querySelector(".rm-search").focus(),
        "?": () => { const keys = inbox.querySelector(".rm-keys"); keys.open = !keys.open; },
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
})();
