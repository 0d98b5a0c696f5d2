// The elements that stand for items, as their data attributes say.
import { failure } from "../shared.js";

const ACTIONS = ["click", "cart", "view", "dwell"];
export const WATCHED = '[data-fc-on~="view"], [data-fc-on~="dwell"]';
export const ATTRIBUTES = ["data-fc-item", "data-fc-on"];

// What an element reports: without data-fc-on an item's element reports clicks.
export function actionsOf(element) {
  const on = element.getAttribute("data-fc-on");
  const actions = on === null ? ["click"] : on.split(/\s+/).filter(Boolean);
  const wrong = actions.find((action) => !ACTIONS.includes(action));
  if (wrong) throw failure("argument", `data-fc-on has "${wrong}", expected some of ${ACTIONS.join(", ")}`);
  return actions;
}

// A click's action, and the element of its item: the innermost that says so, through open shadow roots too.
export function clicked(path) {
  const elements = path.filter((node) => node instanceof Element);
  for (const [depth, element] of elements.entries()) {
    if (!element.hasAttribute("data-fc-on") && !element.hasAttribute("data-fc-item")) continue;
    const action = actionsOf(element).find((action) => action === "click" || action === "cart");
    const owner = action && elements.slice(depth).find((element) => element.hasAttribute("data-fc-item"));
    if (owner) return { action, owner };
  }
  return undefined;
}

// The nearest element around this one, itself included, that names an item.
export function ownerOf(element) {
  return element.closest("[data-fc-item]");
}

export function fieldsOf(owner) {
  const text = owner.getAttribute("data-fc-fields");
  if (text === null) return undefined;
  try {
    const fields = JSON.parse(text);
    if (fields && typeof fields === "object" && !Array.isArray(fields)) return fields;
  } catch {
    // The same error below.
  }
  throw failure("argument", `data-fc-fields is ${text}, expected an object in JSON, such as {"price": 3.5}`);
}
