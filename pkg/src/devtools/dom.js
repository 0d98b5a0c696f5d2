// Elements and numbers of the panel. No HTML is parsed and no style attribute written: strict policies forbid both.

export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

// Writes only what has changed, so that a reader of the screen is not disturbed.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const percent = (part) => `${(part * 100).toFixed(part < 0.0995 ? 1 : 0)}%`;

export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

// Of a logarithm of how many times.
export function times(logarithm) {
  const factor = Math.exp(logarithm);
  return `×${factor.toFixed(factor < 9.95 ? 2 : 0)}`;
}

export function duration(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function age(milliseconds) {
  const minutes = milliseconds / 60_000;
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes.toFixed(0)} min`;
  return minutes < 2880 ? `${(minutes / 60).toFixed(0)} h` : `${(minutes / 1440).toFixed(0)} days`;
}

export const capital = (word) => word[0].toUpperCase() + word.slice(1);
