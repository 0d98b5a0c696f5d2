// The ways to tell the browser what to load. Each returns what takes the hint back.

// Chromium passes over rules for addresses that are not secure, as those of a page on plain http.
export function bestMethod() {
  if (isSecureContext && HTMLScriptElement.supports?.("speculationrules")) return "rules";
  return document.createElement("link").relList.supports("prefetch") ? "links" : "none";
}

// A script of its own for each hint: with its script the browser drops what it has loaded. A page that is to be rendered
// is asked for as well, since browsers render fewer than they load.
export function hintByRules(address, { isRendered, nonce, onRefused }) {
  const rules = [{ source: "list", urls: [address], eagerness: "immediate" }];
  const script = document.createElement("script");
  script.type = "speculationrules";
  if (nonce) script.nonce = nonce;
  const refuse = () => {
    script.remove();
    onRefused();
  };
  script.addEventListener("securitypolicyviolation", refuse);
  try {
    script.textContent = JSON.stringify({ prefetch: rules, prerender: isRendered ? rules : undefined });
    document.head.append(script);
  } catch {
    // A policy of trusted types.
    queueMicrotask(refuse);
  }
  return () => script.remove();
}

export function hintByLink(address) {
  const link = document.createElement("link");
  link.rel = "prefetch";
  link.as = "document";
  link.href = address;
  document.head.append(link);
  return () => link.remove();
}
