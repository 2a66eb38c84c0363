// The little that HTML and htmx do not do by themselves. Every page works without it.
"use strict";

// Show a text for a moment, or until its button is pressed; screen readers announce the region.
function showToast(text, action) {
  const toast = document.createElement("p");
  toast.textContent = text;
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = document.body.dataset.retry;
    button.addEventListener("click", () => { toast.remove(); action(); });
    toast.append(" ", button);
  }
  document.getElementById("toasts").replaceChildren(...(action ? [] : document.getElementById("toasts").children), toast);
  if (!action) setTimeout(() => toast.remove(), 6000);
}
document.addEventListener("toast", (event) => showToast(event.detail.text));

// No network, a server that is overloaded, or a page that is not ours (a hotel's, a proxy's): say so
// and offer to try again. Nothing of it is put into the page.
function again({ sourceElement, sourceEvent, request }) {
  if (sourceElement.matches("form")) sourceElement.requestSubmit(request?.submitter);
  else if (sourceElement.matches("[hx-trigger~=again]")) sourceElement.dispatchEvent(new Event("again"));
  else sourceElement.dispatchEvent(new Event(sourceEvent.type, { bubbles: true }));
}
const asksByItself = (ctx) => ctx.sourceElement.matches("#basket-badge, #news, #suggestions");
document.addEventListener("htmx:error", (event) => {
  const { ctx, error } = event.detail;
  if (!ctx || !(error instanceof TypeError) || asksByItself(ctx)) return;
  showToast(document.body.dataset.offline, () => again(ctx));
});
document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  const { status, headers } = ctx.response;
  const ours = headers.has("X-Request-ID");
  if (ours && status < 500 && status !== 429) return;
  event.preventDefault();
  if (!asksByItself(ctx)) showToast(ours ? document.body.dataset.busy : document.body.dataset.foreign, () => again(ctx));
});

// What takes longer than a moment shows that it is under way.
function busy(element, isBusy) {
  clearTimeout(Number(element.dataset.busyTimer));
  if (isBusy) element.dataset.busyTimer = setTimeout(() => element.setAttribute("aria-busy", "true"), 200);
  else element.removeAttribute("aria-busy");
}
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => ctx.target instanceof Element && ctx.target !== document.body && busy(ctx.target, true));
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => ctx.target instanceof Element && busy(ctx.target, false));

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
  if (event.target.type === "search") return; // it asks while it is being typed, and on Enter
  if (form?.hasAttribute("data-autosubmit")) form.requestSubmit();
});

// A form that is on its way cannot be sent a second time by a double click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  if (event.submitter) busy(event.submitter, true);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  document.querySelectorAll("button[aria-busy]").forEach((button) => busy(button, false));
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

// Fields that are left empty are no part of a listing's address.
document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  if (request.method !== "GET") return;
  for (const [name, value] of [...request.body]) if (value === "") request.body.delete(name);
});

// Three more pages come by themselves; then a press is asked for, so that the end can be reached.
let pagesByThemselves = 0;
document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, sourceEvent } = event.detail.ctx;
  if (!sourceElement.closest("li.more") || sourceEvent.type === "click") return;
  pagesByThemselves += 1;
  if (pagesByThemselves > 3) event.preventDefault();
});
document.addEventListener("htmx:after:history:update", () => { pagesByThemselves = 0; });

// A search that is being typed is one step of the history, not one for each letter.
let typing = false;
document.addEventListener("htmx:before:history:update", (event) => {
  const isTyped = event.detail.sourceElement.matches("input[type=search]");
  if (isTyped && typing) event.detail.history.type = "replace";
  typing = isTyped;
});

// Coming back to a listing finds it as it was left, also where the browser has not kept the page.
const listing = () => document.getElementById("catalogue");
window.addEventListener("pagehide", () => {
  if (!listing()?.querySelector(".shelf")) return;
  try {
    sessionStorage.setItem("listing", JSON.stringify([location.href, listing().innerHTML, scrollY]));
  } catch { /* no room: the listing begins at its top */ }
});
window.addEventListener("DOMContentLoaded", () => {
  const [address, html, top] = JSON.parse(sessionStorage.getItem("listing") ?? "[]");
  const [{ type } = {}] = performance.getEntriesByType("navigation");
  if (type !== "back_forward" || address !== location.href || !listing()) return;
  listing().innerHTML = html;
  htmx.process(listing());
  scrollTo(0, top);
});

// A form that was refused: the cursor goes to the first field in error.
function toFirstError(root) { root.querySelector("main [aria-invalid=true], #main [aria-invalid=true]")?.focus(); }
window.addEventListener("DOMContentLoaded", () => toFirstError(document));
document.addEventListener("htmx:after:swap", () => toFirstError(document));

// Times in the reader's own zone; without scripts they say that they are UTC.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const style = time.dataset.local === "time" ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang === "es" ? "es-ES" : "en-GB", style).format(new Date(time.dateTime));
  }
}
window.addEventListener("DOMContentLoaded", () => localTimes(document));
document.addEventListener("htmx:after:swap", () => localTimes(document));

// The camera reads a book's barcode where the browser can (BarcodeDetector); elsewhere there is no button.
async function offerScan() {
  const button = document.querySelector("[data-scan]");
  if (!button || !("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  button.hidden = !(await BarcodeDetector.getSupportedFormats()).includes("ean_13");
}
async function scan(button) {
  const dialog = document.createElement("dialog");
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  const stop = Object.assign(document.createElement("button"), { textContent: "×", className: "secondary" });
  stop.setAttribute("aria-label", button.textContent);
  dialog.className = "scan";
  dialog.append(video, stop);
  document.body.append(dialog);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
    stop.addEventListener("click", () => dialog.close());
    dialog.showModal();
    await video.play();
    const detector = new BarcodeDetector({ formats: ["ean_13"] });
    while (dialog.open) {
      const found = (await detector.detect(video)).find(({ rawValue }) => /^97[89]/.test(rawValue));
      if (found) {
        document.getElementById("isbn").value = found.rawValue;
        dialog.close();
        button.parentElement.querySelector("[formaction]").click();
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  } catch { /* no camera, or it may not be used: the number is typed */ } finally {
    stream?.getTracks().forEach((track) => track.stop());
    dialog.remove();
  }
}
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-scan]")) scan(event.target);
});
window.addEventListener("DOMContentLoaded", offerScan);
document.addEventListener("htmx:after:swap", offerScan);

// The books that were looked at last are remembered in this browser alone, for the front page.
const SEEN = "seen-books";
const seenBooks = () => { try { return JSON.parse(localStorage.getItem(SEEN) ?? "[]"); } catch { return []; } };
window.addEventListener("DOMContentLoaded", () => {
  const book = document.querySelector("article.book[data-book]")?.dataset.book;
  if (!book) return;
  try {
    localStorage.setItem(SEEN, JSON.stringify([book, ...seenBooks().filter((other) => other !== book)].slice(0, 12)));
  } catch { /* no room, or not wanted */ }
});
window.addEventListener("pageshow", async () => {
  const shelf = document.getElementById("recently-seen");
  if (!shelf || !seenBooks().length) return;
  const answer = await fetch(`${shelf.dataset.from}?${seenBooks().map((book) => `id=${encodeURIComponent(book)}`).join("&")}`).catch(() => null);
  if (!answer?.ok || !answer.headers.has("X-Request-ID")) return;
  shelf.querySelector("ul").innerHTML = await answer.text();
  shelf.hidden = !shelf.querySelector("li");
});
document.addEventListener("click", (event) => {
  if (!event.target.matches("[data-forget-seen]")) return;
  localStorage.removeItem(SEEN);
  document.getElementById("recently-seen").hidden = true;
});

// How long the books are set aside: counted down on the pay page, which then tells what happened.
function countDown(element) {
  const end = performance.now() + Number(element.dataset.seconds) * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left) setTimeout(show, 250);
    else location.assign(element.dataset.then);
  };
  show();
  element.closest("[hidden]").hidden = false;
}
window.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-seconds]").forEach(countDown));
