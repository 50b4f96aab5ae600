// What can't be told from its surroundings, by the WCAG's formula: below 3 for large text, else below 4.5.
// A canvas turns whatever notation a colour has into numbers; what is behind is blended, layer on layer.
() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const numbers = (colour) => {
    if (!known.has(colour)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = document.documentElement.classList.contains("dark") ? [0, 0, 0, 1] : [255, 255, 255, 1];
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const shape = e.matches("svg g, svg a") ? e.querySelector(":scope > rect") : null;
      layers.unshift(numbers(shape ? getComputedStyle(shape).fill : getComputedStyle(e).backgroundColor));
    }
    return layers.reduce((below, top) => over(top, below), paper);
  };
  const found = new Map();
  const judge = (element, words, colour, below) => {
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    let faint = 1;
    for (let e = element; e; e = e.parentElement) faint *= parseFloat(getComputedStyle(e).opacity);
    const top = numbers(colour);
    const [a, b] = [light(over([top[0], top[1], top[2], top[3] * faint], below)), light(below)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < (isLarge ? 3 : 4.5)) {
      const classes = (element.getAttribute("class") || "").split(" ").slice(0, 6).join(".");
      found.set(`${element.tagName.toLowerCase()}.${classes}`, `${contrast.toFixed(2)} ${words.trim().slice(0, 40)}`);
    }
  };
  const isIcon = (e) => e.closest(".material-symbols-outlined");
  for (const element of document.body.querySelectorAll("*")) {
    const isField = element.matches("input:not([type=hidden]), textarea, select");
    const own = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("");
    if (!isField && !own.trim()) continue;
    if (element.matches("script, style, option, :disabled, :disabled *") || isIcon(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || !element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })) continue;
    if (box.right <= 0) continue;
    const style = getComputedStyle(element);
    const below = behind(element);
    judge(element, own || element.name, element.closest("svg") ? style.fill : style.color, below);
    if (isField && element.placeholder) judge(element, element.placeholder, getComputedStyle(element, "::placeholder").color, below);
  }
  return [...found].map(([element, fault]) => `${element} ${fault}`);
}
