// Lets every element with data-due count down. The server's clock counts, not the visitor's.
(() => {
  "use strict";
  // Each counts from when it was first seen: live pages put new ones in place.
  const seenAt = new WeakMap();
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function describe(seconds) {
    const rest = Math.abs(Math.trunc(seconds));
    const parts = units.map(([unit, size], i) => [Math.floor((i ? rest % units[i - 1][1] : rest) / size), unit]);
    const first = Math.max(0, parts.findIndex(([amount]) => amount > 0));
    const shown = parts.slice(first, first + 2).filter(([amount]) => amount > 0);
    const text = shown.map((part) => part.join(" ")).join(" ") || "0 s";
    return `${text} ${seconds >= 0 ? "left" : "over"}`;
  }

  function tick() {
    for (const element of document.querySelectorAll("[data-due]")) {
      if (!seenAt.has(element)) seenAt.set(element, performance.now());
      const passed = performance.now() - seenAt.get(element);
      const now = Date.parse(element.dataset.now) + passed;
      const seconds = (Date.parse(element.dataset.due) - now) / 1000;
      element.textContent = describe(seconds);
      if (seconds < 0) {
        const coloured = element.closest(".rm-ample, .rm-short");
        coloured?.classList.remove("rm-ample", "rm-short");
        coloured?.classList.add("rm-over");
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    tick();
    setInterval(tick, 1000);
  });
})();
