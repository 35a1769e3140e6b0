// Gives a list of what keeps somebody from reading or using the page.
const faults = [];

const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const parts = (colour) => {
  const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
};
const luminance = ({ red, green, blue }) =>
  0.2126 * channel(red / 255) + 0.7152 * channel(green / 255) + 0.0722 * channel(blue / 255);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parts(getComputedStyle(at).backgroundColor);
    if (colour.alpha === 1) return colour;
  }
  return { red: 255, green: 255, blue: 255 };
};
const contrast = (element) => {
  const { color, fill } = getComputedStyle(element);
  const one = luminance(parts(element instanceof SVGElement ? fill : color));
  const other = luminance(ground(element));
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
};
const isShown = (element) => element.checkVisibility() && element.getClientRects().length > 0;

const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  const element = walker.currentNode.parentElement;
  if (!text || !isShown(element)) continue;
  const ratio = contrast(element);
  if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${text}`);
}

for (const control of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  if (isShown(control) && control.labels.length === 0) faults.push(`no label: ${control.name}`);
}
for (const control of document.querySelectorAll("a[href], button, summary")) {
  if (isShown(control) && !(control.innerText.trim() || control.ariaLabel)) faults.push(`no name: ${control.outerHTML}`);
}
for (const named of document.querySelectorAll("[aria-labelledby]")) {
  if (!document.getElementById(named.getAttribute("aria-labelledby"))) faults.push(`named by nothing: ${named.outerHTML}`);
}
const headings = document.querySelectorAll("h1").length;
if (headings !== 1) faults.push(`${headings} headings of the first level`);
if (!document.documentElement.lang) faults.push("no language");
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of ids.filter((id, index) => ids.indexOf(id) !== index)) faults.push(`an id that stands twice: ${id}`);
return faults;
