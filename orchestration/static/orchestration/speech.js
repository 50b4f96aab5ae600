/* Shows what models say while they say it, where the page has a place for that call and that try of it. Which place
   there is only the server knows: an older try has none any more, and what a try said goes with its place. */
(() => {
  "use strict";

  const PAUSE = 200; // ms between two additions: a page that is read aloud gets words, not letters
  const MOST_CALLS = 64;
  const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

  document.addEventListener("DOMContentLoaded", () => {
    const page = document.querySelector("[data-live-stream]");
    if (page) watch(page);
  });

  function watch(page) {
    const said = new Map(); // call -> its newest try
    let timer = 0;

    page.addEventListener("rm:delta", (event) => {
      if (!take(said, event.detail)) return;
      if (event.detail.is_over || !findPlace(page, event.detail)) page.dispatchEvent(new Event("rm:look"));
      timer = timer || setTimeout(show, PAUSE);
    });
    page.addEventListener("rm:replaced", show);

    function show() {
      clearTimeout(timer);
      timer = 0;
      for (const one of said.values()) {
        const place = findPlace(page, one);
        if (place) fill(place, one);
      }
    }
  }

  /* Returns whether it is news that somebody may want to see. */
  function take(said, delta) {
    const before = said.get(delta.call);
    if (before && before.attempt > delta.attempt) return false;
    const one = before && before.attempt === delta.attempt ? before : { ...delta, letters: [] };
    if (delta.at > one.letters.length) return false; // something was missed; the server tells it anew
    one.letters.splice(delta.at, Infinity, ...delta.text);
    one.tools = delta.tools;
    said.set(delta.call, one);
    while (said.size > MOST_CALLS) said.delete(said.keys().next().value);
    return true;
  }

  function findPlace(page, one) {
    return page.querySelector(`[data-speech="${Number(one.call)}"][data-attempt="${Number(one.attempt)}"]`);
  }

  /* What is shown already stays as it is, so that marked text stays marked; a box at its end stays there. */
  function fill(place, one) {
    const text = one.letters.join("").replace(UNSEEN, spell) + one.tools.map((tool) => `\n→ ${tool}`).join("");
    const node = place.firstChild || place.appendChild(document.createTextNode(""));
    if (node.data === text) return;
    const follows = place.scrollHeight - place.scrollTop - place.clientHeight < 8;
    if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
    else node.data = text;
    if (follows) place.scrollTop = place.scrollHeight;
  }

  function spell(letter) {
    return `‹U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
  }
})();
