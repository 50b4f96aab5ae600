// One stream for all tabs of a browser. Runs as a shared worker: it follows while a tab is looked at, and only then.
"use strict";
const MOST_SILENT = 60000; // ms without a word from a tab that was looked at: it is gone
const visible = new Map(); // port -> when it last said that it is looked at
const ports = new Set();
let source = null;
let retry = 0;
let address = "";

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function open() {
  clearTimeout(retry);
  source = new EventSource(address);
  source.onopen = () => tell({ kind: "on" });
  for (const kind of ["tickets", "looking", "again"]) {
    source.addEventListener(kind, (event) => tell({ kind, data: JSON.parse(event.data) }));
  }
  source.onerror = () => {
    tell({ kind: "off" });
    // A refusal: the browser does not come back by itself.
    if (source && source.readyState === EventSource.CLOSED) retry = setTimeout(settle, 10000, true);
  };
}

function close() {
  clearTimeout(retry);
  if (source) source.close();
  source = null;
}

function settle(anew) {
  const bound = Date.now() - MOST_SILENT;
  for (const [port, at] of visible) if (at < bound) forget(port);
  if (anew === true) close();
  if (visible.size && !source) open();
  if (!visible.size) close();
}

function forget(port) {
  visible.delete(port);
  ports.delete(port);
}

onconnect = (event) => {
  const [port] = event.ports;
  port.onmessage = ({ data }) => {
    address = data.address || address;
    if (data.kind === "gone") {
      forget(port);
    } else {
      ports.add(port);
      if (data.kind === "visible") visible.set(port, Date.now());
      else visible.delete(port);
      // Whoever comes to a stream that is open has missed what it said before.
      if (data.kind === "visible" && data.isNew && source && source.readyState === EventSource.OPEN) {
        port.postMessage({ kind: "on" });
      }
    }
    settle(false);
  };
};
setInterval(settle, 15000, false);
