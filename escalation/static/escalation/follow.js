// What happens at the desk, to the pages that follow it: one stream a browser, closed while no tab is looked at.
// A shared worker holds it; without those, a tab that leads; without either, each page asks every few seconds.
window.ringmasterFollow = (() => {
  "use strict";
  const RENEW = 15000; // ms
  const POLL = 5000;
  const PATIENCE = 4000;

  // hear: called with {kind: "on" | "off" | "poll" | "tickets" | "looking" | "again", data}.
  function follow(address, hub, hear) {
    let polling = 0;
    let patience = 0;
    const poll = () => {
      if (!document.hidden) hear({ kind: "poll" });
    };
    const fallBack = () => {
      hear({ kind: "off" });
      polling = polling || setInterval(poll, POLL);
      poll();
    };
    const receive = (message) => {
      if (message.kind === "off") {
        // A stream ends every few minutes and comes back by itself: that is no news.
        patience = patience || setTimeout(fallBack, PATIENCE);
        return;
      }
      clearTimeout(patience);
      clearInterval(polling);
      patience = polling = 0;
      hear(message);
    };
    if (!("EventSource" in window)) fallBack();
    else if ("SharedWorker" in window) shareWorker(address, hub, receive);
    else lead(address, receive);
  }

  function shareWorker(address, hub, receive) {
    let port;
    let isNew = true;
    const url = new URL(address, location.href).href;
    const say = (kind) => {
      port.postMessage({ kind, isNew, address: url });
      if (kind === "visible") isNew = false;
      if (kind !== "visible") isNew = true;
    };
    const tell = () => say(document.hidden ? "hidden" : "visible");
    try {
      const worker = new SharedWorker(hub, { name: "ringmaster-desk" });
      worker.onerror = () => lead(address, receive);
      port = worker.port;
    } catch {
      lead(address, receive);
      return;
    }
    port.onmessage = ({ data }) => receive(data);
    document.addEventListener("visibilitychange", tell);
    addEventListener("pagehide", () => say("gone"));
    addEventListener("pageshow", (event) => event.persisted && tell());
    setInterval(() => document.hidden || say("visible"), RENEW);
    tell();
  }

  // The tab that holds the lock follows for all that are looked at; where there are no locks, each does for itself.
  function lead(address, receive) {
    const channel = "BroadcastChannel" in window ? new BroadcastChannel("ringmaster-desk") : null;
    const shared = channel && navigator.locks;
    let source = null;
    let release = null;
    const spread = (message) => {
      receive(message);
      if (shared) channel.postMessage(message);
    };
    const open = () => {
      source = new EventSource(address);
      source.onopen = () => spread({ kind: "on" });
      source.onerror = () => {
        spread({ kind: "off" });
        if (source && source.readyState === EventSource.CLOSED) setTimeout(() => source && (stop(), start()), 10000);
      };
      for (const kind of ["tickets", "looking", "again"]) {
        source.addEventListener(kind, (event) => spread({ kind, data: JSON.parse(event.data) }));
      }
    };
    let asking = null;
    const start = () => {
      if (!shared) {
        if (!source) open();
        return;
      }
      if (asking) return;
      asking = new AbortController();
      navigator.locks
        .request("ringmaster-desk", { signal: asking.signal }, () => {
          open();
          return new Promise((done) => { release = done; });
        })
        .catch(() => {});
    };
    const stop = () => {
      if (source) source.close();
      source = null;
      if (release) release();
      else if (asking) asking.abort();
      release = asking = null;
    };
    if (shared) channel.onmessage = ({ data }) => document.hidden || receive(data);
    document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
    addEventListener("pagehide", stop);
    if (!document.hidden) start();
  }

  // Says that this page is looked at, to colleagues who think of opening the same ticket. A hint, never a guard.
  function look(address, token, hear) {
    const headers = { "X-CSRFToken": token };
    async function say() {
      if (document.hidden) return;
      try {
        const answer = await fetch(address, { method: "PUT", headers, credentials: "same-origin" });
        if (answer.ok) hear((await answer.json()).others);
      } catch {
        // Nothing depends on it; the next look tells again.
      }
    }
    document.addEventListener("visibilitychange", say);
    addEventListener("pagehide", () => {
      fetch(address, { method: "DELETE", headers, credentials: "same-origin", keepalive: true }).catch(() => {});
    });
    setInterval(say, RENEW);
    say();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const note = document.querySelector("[data-presence]");
    if (!note) return;
    look(note.dataset.presence, note.dataset.token, (others) => {
      note.hidden = !others.length;
      const words = others.length ? `${others.join(", ")} ${others.length === 1 ? "looks" : "look"} at this ticket now.` : "";
      if (note.textContent !== words) note.textContent = words;
    });
  });

  return { follow, look };
})();
