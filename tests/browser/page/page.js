// The tests' page: offers the package to the tests, which run their own code here.
import * as foreclick from "/foreclick/index.js";

globalThis.foreclick = foreclick;
globalThis.MODEL = "/model/model.safetensors";
globalThis.violations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  globalThis.violations.push(`${violatedDirective} ${blockedURI}`);
});
document.getElementById("state").textContent = "ready";
