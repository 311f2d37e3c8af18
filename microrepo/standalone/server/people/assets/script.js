(() => {
const box = document.getElementById("q");
let area = document.getElementById("results"), timer, asked = 0;
const narrow = () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of area.querySelectorAll(".projects li")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  area.querySelector(".count").textContent = shown === 1 ? "1 project" : shown + " projects";
  const letters = area.querySelector(".letters");
  if (letters) letters.hidden = words.length > 0;
};
const load = async () => {
  const mine = ++asked, reply = await fetch("./?q=" + encodeURIComponent(box.value));
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.getElementById("results");
  if (mine === asked && fresh) { area.replaceWith(fresh); area = fresh; }
};
if (area) box.addEventListener("input", () => {
  if (area.dataset.complete === "1") return narrow();
  clearTimeout(timer);
  timer = setTimeout(load, 120);
});
// An exported page learns here what a server would have told it: what is sought, and where it lies.
const root = document.body.dataset.root;
if (root) {
  const sought = new URLSearchParams(location.search).get("q"), home = new URL(root, location.href);
  box.form.hidden = false;
  if (area && sought) { box.value = sought; narrow(); }
  const near = home.protocol !== "http:" || /^(localhost|127\..*|\[::1\])$/.test(home.hostname);
  for (const block of document.querySelectorAll(".copy")) {
    let text = block.textContent.split("https://ADDRESS/").join(home.href);
    if (!near) text = text.replace(/^pip install/, "$& --trusted-host " + home.host)
      .replace(/^\[global\]/, "$&\ntrusted-host = " + home.host)
      .replace(/^PIP_INDEX_URL/, "PIP_TRUSTED_HOST=" + home.host + "\n$&");
    block.textContent = text;
  }
}
addEventListener("keydown", event => {
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
    event.preventDefault();
    box.focus();
  }
});
if (navigator.clipboard) for (const block of document.querySelectorAll(".copy")) {
  const text = block.textContent, button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  block.append(button);
}
})();
