// Names what the widgets of Django and unfold leave nameless for a screen reader: fields in rows, boxes to choose from.
(() => {
  "use strict";
  const FIELDS = "td :is(input:not([type=hidden]), select, textarea)";

  // A field in a row is named by its column; its own name ends with the column's: "items-0-price".
  function nameField(field) {
    if (field.labels?.length || field.hasAttribute("aria-label")) return;
    const column = /-(?:\d+|__prefix__)-(\w+?)(?:_\d)?$/.exec(field.name)?.[1];
    const head = column && field.closest("table")?.querySelector(`th.column-${CSS.escape(column)} span > span`);
    if (head) field.setAttribute("aria-label", head.textContent.replace("*", "").trim());
  }

  // A box to choose from takes the label of the select that it stands for.
  function nameBox(box) {
    const select = box.closest(".select2-container")?.previousElementSibling;
    const words = select?.labels?.[0]?.textContent.trim() || select?.getAttribute("aria-label");
    if (!words) return;
    for (const part of [box, ...box.querySelectorAll("[role=textbox]")]) part.setAttribute("aria-label", words);
  }

  function nameAll(root) {
    root.querySelectorAll(FIELDS).forEach(nameField);
    root.querySelectorAll(".select2-selection").forEach(nameBox);
    for (const hint of root.querySelectorAll(".help-tooltip[aria-label]")) hint.setAttribute("role", "note");
  }

  // After those that make widgets of what they find, which is at the same event.
  window.addEventListener("load", () => setTimeout(nameAll, 0, document));
  document.addEventListener("formset:added", (event) => nameAll(event.target));
})();
