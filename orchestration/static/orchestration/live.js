/* Keeps a run's page true without a reload. The stream says when something happened; what it looks like only the
   server knows, so its parts are fetched anew and those that changed are put in place. */
(() => {
  "use strict";

  const LEAST_PAUSE = 400; // ms between two looks; a page that takes long to make is asked for less often
  const SLOW_LOOK = 10000; // what no line of the run's own history tells: tickets, child runs, times that go on
  const FIRST_RETRY = 2000;
  const LAST_RETRY = 30000;

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".rm-plan").forEach(showTrouble);
    const page = document.querySelector("[data-live-stream]");
    if (page && "EventSource" in window) follow(page);
  });

  /* A plan wider than its box opens where a person's eye is needed. */
  function showTrouble(box) {
    const step = box.querySelector(".rm-node.rm-failed") || box.querySelector(".rm-node.rm-held");
    if (!step) return;
    const [at, seen] = [step.getBoundingClientRect(), box.getBoundingClientRect()];
    if (at.right > seen.right) box.scrollLeft += at.left + at.width / 2 - seen.left - seen.width / 2;
    if (at.bottom > seen.bottom) box.scrollTop += at.top + at.height / 2 - seen.top - seen.height / 2;
  }

  function follow(page) {
    const note = page.querySelector("[data-live-note]");
    const shown = new Map(parts(page).map((part) => [part.dataset.live, part.outerHTML]));
    let cursor = page.dataset.liveCursor;
    let source = null;
    let wait = FIRST_RETRY;
    let looking = false;
    let asked = false;
    let ended = false;
    let earliest = 0;

    function say(state, words) {
      note.dataset.state = state;
      note.textContent = words;
    }

    function connect() {
      source = new EventSource(`${page.dataset.liveStream}?after=${encodeURIComponent(cursor)}`);
      source.onopen = () => {
        wait = FIRST_RETRY;
        say("on", "Live");
        look();
      };
      source.onmessage = (message) => {
        cursor = message.lastEventId || cursor;
        look();
      };
      source.addEventListener("delta", (message) => {
        page.dispatchEvent(new CustomEvent("rm:delta", { detail: JSON.parse(message.data) }));
      });
      source.addEventListener("end", () => {
        ended = true;
        source.close();
        say("ended", "");
        look();
      });
      source.onerror = () => {
        if (ended) return;
        if (source.readyState === EventSource.CLOSED) {
          // A refusal or a server error: the browser does not try again by itself.
          say("off", `Live updates are unavailable; trying again in ${Math.round(wait / 1000)} s. Reload to see more.`);
          setTimeout(connect, wait);
          wait = Math.min(wait * 2, LAST_RETRY);
        } else {
          say("off", "Live updates are interrupted; connecting again …");
        }
      };
    }

    function look() {
      asked = true;
      if (looking || document.hidden) return;
      looking = true;
      setTimeout(fetchParts, Math.max(0, earliest - performance.now()));
    }

    async function fetchParts() {
      asked = false;
      const begun = performance.now();
      try {
        const address = new URL(location.href);
        address.searchParams.set("part", "live");
        const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
        if (answer.redirected || answer.status === 403) {
          source.close();
          ended = true;
          say("off", "You are signed out; reload the page.");
        } else if (answer.ok) {
          replace(await answer.text());
        }
      } catch {
        asked = true; // the network is away; the next look may find it
      }
      earliest = performance.now() + Math.max(LEAST_PAUSE, 5 * (performance.now() - begun));
      looking = false;
      if (asked) look();
    }

    function replace(text) {
      const fresh = new DOMParser().parseFromString(text, "text/html");
      for (const part of parts(fresh)) {
        const name = part.dataset.live;
        const old = page.querySelector(`[data-live="${name}"]`);
        if (!old || shown.get(name) === part.outerHTML || isInUse(old)) continue;
        shown.set(name, part.outerHTML);
        swap(old, document.importNode(part, true));
      }
      page.dispatchEvent(new Event("rm:replaced"));
    }

    setInterval(() => {
      if (!ended) look();
    }, SLOW_LOOK);
    document.addEventListener("visibilitychange", () => {
      if (asked) look();
    });
    page.addEventListener("rm:look", look);
    connect();
  }

  function parts(within) {
    return [...within.querySelectorAll("[data-live]")];
  }

  /* Somebody types or marks text there: it is left alone until they are done. */
  function isInUse(part) {
    const selection = window.getSelection();
    const marks = selection && !selection.isCollapsed && selection.containsNode(part, true);
    return marks || Boolean(document.activeElement?.closest("input, select, textarea") && part.contains(document.activeElement));
  }

  /* What the reader has scrolled to, opened or focused stays as it is. */
  function swap(old, fresh) {
    const scrolls = [...old.querySelectorAll("[data-keep-scroll]")].map((box) => [box.scrollLeft, box.scrollTop]);
    const open = new Set([...old.querySelectorAll("details[open]")].map(nameOf));
    const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    for (const details of fresh.querySelectorAll("details")) details.open = details.open || open.has(nameOf(details));
    old.replaceWith(fresh);
    [...fresh.querySelectorAll("[data-keep-scroll]")].forEach((box, n) => {
      if (scrolls[n]) [box.scrollLeft, box.scrollTop] = scrolls[n];
    });
    if (focused) [...fresh.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === focused)?.focus({ preventScroll: true });
  }

  function nameOf(details) {
    if (details.id) return details.id;
    const within = details.closest("[id], section, article");
    return `${within?.id || within?.querySelector("a")?.textContent || ""}/${details.querySelector("summary")?.textContent}`;
  }
})();
