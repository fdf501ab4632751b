// Two small things that every part of the page needs.

export const $ = (id) => document.getElementById(id);

/** An element with properties (also `dataset` and `style` values by name) and children. */
export function make(tag, { data = {}, color, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  if (color) element.style.setProperty("--color", color);
  element.append(...children);
  return element;
}
