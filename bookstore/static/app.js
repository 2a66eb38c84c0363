// The little that HTML and htmx do not do by themselves. Every page works without it.
"use strict";

// Show a text for a moment; the region is announced by screen readers.
document.addEventListener("toast", (event) => {
  const toast = document.createElement("p");
  toast.textContent = event.detail.text;
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), 6000);
});

// After the page's main part was replaced, the focus moves to its heading instead of getting lost.
document.addEventListener("htmx:after:swap", () => {
  if (document.activeElement === document.body) {
    document.querySelector("#main h1[tabindex='-1'], #main [autofocus]")?.focus({ preventScroll: true });
  }
});

// On a narrow screen the filters are folded away; who opened them finds them open after each choice.
let filtersOpen = false;
document.addEventListener("toggle", (event) => {
  if (event.target.matches(".facets details")) filtersOpen = event.target.open;
}, true);
document.addEventListener("htmx:after:swap", () => {
  const filters = document.querySelector(".facets details");
  if (filters) filters.open = filtersOpen;
});

// Forms that send themselves when a choice changes (data-autosubmit); without scripts a button does.
document.addEventListener("change", (event) => {
  const form = event.target.form; // the choice may stand outside of its form
  if (form?.hasAttribute("data-autosubmit")) form.requestSubmit();
});

// A form that is on its way cannot be sent a second time by a double click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

// The basket's badge is asked for only where a cookie says that there is a basket.
document.addEventListener("htmx:after:init", (event) => {
  if (event.target.id === "basket-badge" && /(^|; )(__Host-)?has_basket=1/.test(document.cookie)) {
    event.target.dispatchEvent(new CustomEvent("basket-changed", { bubbles: true }));
  }
});

// A form that stays on the page after its answer gets a new key: sent again, it is meant again.
// Without an answer, or with one that asks to try again, the key stays, and nothing is done twice.
document.addEventListener("htmx:after:request", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  const key = sourceElement.closest("form")?.elements.namedItem("idempotency_key");
  if (!key || response.status >= 500) return;
  key.value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
});
