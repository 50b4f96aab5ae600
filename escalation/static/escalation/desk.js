// The decision bar: opens what is to be filled in, and lets single keys press what carries data-key.
// Without this file the bar's links open the same panels by their addresses (:target in desk.css).
(() => {
  "use strict";
  const SWITCH = "rm-keys-off";
  const RENEW_EVERY = 60000; // ms
  const WORKED = 120000;
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

  function addRow(button) {
    const list = button.closest("[data-rows]");
    const row = list.querySelector(":scope > template").content.cloneNode(true);
    const number = list.dataset.next;
    list.dataset.next = String(Number(number) + 1);
    rename(row, `${list.dataset.rows}/+`, `${list.dataset.rows}/${number}`);
    const first = row.querySelector("textarea, input:not([type=hidden]), select");
    button.before(row);
    first?.focus();
  }

  function rename(root, old, fresh) {
    const into = (name) => name.replace(old, () => fresh);
    for (const element of root.querySelectorAll("[name], [data-rows]")) {
      if (element.hasAttribute("name")) element.setAttribute("name", into(element.getAttribute("name")));
      if (element.dataset.rows) element.dataset.rows = into(element.dataset.rows);
    }
    for (const inner of root.querySelectorAll("template")) rename(inner.content, old, fresh);
  }

  // Input of the last two minutes keeps the claim, which the server ends after an hour in any case.
  function keepClaim(lease) {
    let inputAt = 0;
    let isAsking = false;
    for (const kind of ["input", "keydown", "pointerdown"]) {
      document.addEventListener(kind, () => { inputAt = Date.now(); }, { passive: true });
    }
    async function renew() {
      if (isAsking || Date.now() - inputAt > WORKED) return;
      isAsking = true;
      try {
        const answer = await fetch(lease.dataset.renew, {
          method: "POST",
          credentials: "same-origin",
          headers: { "Content-Type": "application/json", "X-CSRFToken": lease.dataset.token },
          body: JSON.stringify({ claim_number: Number(lease.dataset.claim), seen_digest: lease.dataset.digest }),
        });
        const note = lease.querySelector("[data-renew-note]");
        if (answer.ok) lease.querySelector("[data-due]").dataset.due = (await answer.json()).claim_expires_at;
        note.textContent = answer.ok ? "" : "The claim can’t be renewed: keep a copy of what you type, and press Keep draft or reload.";
      } catch {
        // Without a network the page is told when it sends something; the next minute tries again.
      }
      isAsking = false;
    }
    setInterval(renew, RENEW_EVERY);
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
    document.addEventListener("click", (event) => event.target.matches("[data-add]") && addRow(event.target));
    const lease = document.querySelector("[data-renew]");
    if (lease) keepClaim(lease);
    prepareHelp();
    document.addEventListener("keydown", press);
  });
})();
