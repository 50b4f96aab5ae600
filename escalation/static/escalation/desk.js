// The decision bar: opens what is to be filled in, and lets single keys press what carries data-key.
// Without this file the bar's links open the same panels by their addresses (:target in desk.css).
(() => {
  "use strict";
  const SWITCH = "rm-keys-off";
  const TYPED = "input, textarea, select, [contenteditable]";

  function openPanel(link) {
    const panel = document.getElementById(link.hash.slice(1));
    if (!panel) return;
    const isOpen = panel.classList.contains("rm-open");
    for (const other of document.querySelectorAll(".rm-dock .rm-panel")) {
      if (!panel.closest(".rm-dock") || other !== panel) other.classList.remove("rm-open");
    }
    panel.classList.toggle("rm-open", !isOpen || !panel.closest(".rm-dock"));
    const first = panel.querySelector("textarea, input:not([type=hidden]), select, button");
    if (panel.classList.contains("rm-open")) {
      first?.focus({ preventScroll: true });
      panel.scrollIntoView({ block: "nearest" });
    }
    for (const opener of document.querySelectorAll("[data-opens]")) {
      const opened = document.getElementById(opener.hash.slice(1));
      opener.setAttribute("aria-expanded", String(Boolean(opened?.classList.contains("rm-open"))));
    }
  }

  function isBusy(event) {
    const target = event.target instanceof Element ? event.target : null;
    return event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.altKey || event.metaKey
      || target?.closest(TYPED) || document.querySelector("dialog[open]");
  }

  function press(event) {
    if (event.key === "Escape") return closePanels();
    if (isBusy(event)) return undefined;
    if (event.key === "?") return document.getElementById("keys")?.showModal();
    if (localStorage.getItem(SWITCH)) return undefined;
    const element = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not(:disabled)`);
    if (!element) return undefined;
    event.preventDefault();
    return element.click();
  }

  function closePanels() {
    for (const panel of document.querySelectorAll(".rm-dock .rm-panel.rm-open")) {
      panel.classList.remove("rm-open");
      const opener = document.querySelector(`[data-opens][href="#${panel.id}"]`);
      opener?.setAttribute("aria-expanded", "false");
      opener?.focus({ preventScroll: true });
    }
  }

  function prepareHelp() {
    const box = document.getElementById("keys-off");
    if (!box) return;
    box.checked = Boolean(localStorage.getItem(SWITCH));
    box.addEventListener("change", () => (box.checked ? localStorage.setItem(SWITCH, "1") : localStorage.removeItem(SWITCH)));
    document.getElementById("keys-shown")?.addEventListener("click", () => document.getElementById("keys").showModal());
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.documentElement.classList.add("rm-scripted");
    for (const link of document.querySelectorAll("[data-opens]")) {
      link.setAttribute("role", "button");
      link.setAttribute("aria-expanded", "false");
      link.addEventListener("click", (event) => {
        event.preventDefault();
        openPanel(link);
      });
    }
    prepareHelp();
    document.addEventListener("keydown", press);
  });
})();
