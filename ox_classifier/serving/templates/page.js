"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const sheet = at("sheet"), pen = sheet.getContext("2d");
  const MOST_SHOWN = 50, TONES = 7, PAUSE = 450, AT_ONCE = 2, SHARES = 4;

  const make = (tag, name, text) => {
    const found = document.createElement(tag);
    if (name) found.className = name;
    if (text !== undefined) found.textContent = text;
    return found;
  };
  const shown = (name) => (name.length === 1 ? name.toUpperCase() : name);
  const percent = (share) => {
    const text = share >= 0.9995 ? "> 99.9" : share < 0.0005 ? "< 0.1" : (100 * share).toFixed(1);
    return `${text} %`.replaceAll(" ", "\u00a0");
  };

  // One card an image; the drawing keeps its card until there is a new sheet
  const card = () => {
    const found = make("li", "answer");
    at("answers").prepend(found);
    at("none").hidden = true;
    while (at("answers").children.length > MOST_SHOWN) drop(at("answers").lastChild);
    return found;
  };
  const drop = (old) => { URL.revokeObjectURL(old.dataset.picture); old.remove(); };
  const fill = (where, blob, name, said) => {
    const picture = blob && URL.createObjectURL(blob), before = where.dataset.picture;
    const image = make("img");
    image.alt = name ? `the picture ${name}` : "the drawing";
    image.addEventListener("error", () => image.replaceWith(make("span", "none", "?")));
    image.src = picture;
    where.dataset.picture = picture;
    if (before) URL.revokeObjectURL(before);
    where.className = "answer";
    const parts = [image];
    if (said === null) parts.push(make("p", "why", "asking …"));
    else if (said.error) {
      where.classList.add("failed");
      parts.push(make("p", "why", `No answer: ${said.error}`));
    } else {
      const sure = said.reason === null, tone = data.classes.indexOf(said.answer);
      if (sure) where.classList.add(`tone${tone % TONES}`);
      parts.push(make("p", "word", sure ? shown(said.answer) : said.answer));
      const likeliest = `${shown(said.predicted)} with ${percent(said.probabilities[said.predicted])}`;
      if (!sure) parts.push(make("p", "why", `${said.reason}; the likeliest is ${likeliest}`));
      parts.push(shares(said.probabilities));
    }
    if (name) parts.push(make("p", "name", name));
    where.replaceChildren(...parts);
  };
  const shares = (probabilities) => {
    const found = make("div", "shares");
    const best = data.classes.map((name, i) => [name, i, probabilities[name]]);
    if (best.length > SHARES) best.sort((a, b) => b[2] - a[2]).splice(SHARES);
    for (const [name, i, share] of best) {
      const track = make("span", "track"), bar = make("span", `part${i % TONES}`);
      bar.style.setProperty("width", `${100 * share}%`);
      track.append(bar);
      track.setAttribute("aria-hidden", "true");
      found.append(make("span", "label", shown(name)), track, make("span", "share", percent(share)));
    }
    return found;
  };

  const ask = async (blob) => {
    const kind = /^image\//.test(blob.type) ? blob.type : "application/octet-stream";
    try {
      const response = await fetch("predict", { method: "POST", body: blob, headers: { "Content-Type": kind } });
      return await response.json();
    } catch {
      return { error: "ox serve can't be reached; is it still running?" };
    }
  };

  // Pictures: a few at once, in order
  const waiting = [];
  let busy = 0;
  const take = (files) => {
    for (const file of files) {
      const where = card();
      fill(where, file, file.name || "pasted", null);
      waiting.push([where, file]);
    }
    next();
  };
  const next = async () => {
    if (busy >= AT_ONCE || !waiting.length) return;
    busy += 1;
    const [where, file] = waiting.shift();
    next();
    const said = await ask(file);
    if (where.isConnected) fill(where, file, file.name || "pasted", said);
    busy -= 1;
    next();
  };
  for (const id of ["files", "photo"]) at(id).addEventListener("change", (event) => { take(event.target.files); event.target.value = ""; });
  let depth = 0;
  const over = (change) => { depth = Math.max(0, depth + change); document.body.classList.toggle("over", depth > 0); };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => { event.preventDefault(); over(-depth); take(event.dataTransfer.files); });
  addEventListener("paste", (event) => take(event.clipboardData.files));

  // The sheet
  let strokes = 0, last = null, timer = 0, drawn = null;
  const clear = () => {
    clearTimeout(timer);
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    strokes = 0;
    drawn = null;
    at("hint").hidden = false;
    at("clear").disabled = true;
  };
  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * sheet.width, ((event.clientY - box.top) / box.height) * sheet.height];
  };
  const line = (event) => {
    const to = place(event);
    pen.strokeStyle = "#1f242b";
    pen.lineWidth = sheet.width / 22;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...to);
    pen.stroke();
    last = to;
  };
  const submit = () => sheet.toBlob(async (blob) => {
    const asked = strokes, where = drawn && drawn.isConnected ? drawn : card();
    if (where !== drawn) fill(where, blob, "", null);
    drawn = where;
    const said = await ask(blob);
    if (where.isConnected && (where !== drawn || asked === strokes)) fill(where, blob, "", said);
  }, "image/png");
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    clearTimeout(timer);
    at("hint").hidden = true;
    at("clear").disabled = false;
    last = place(event);
    strokes += 1;
    line(event);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!last) return;
    const between = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of between.length ? between : [event]) line(one);
  });
  const lift = () => {
    if (!last) return;
    last = null;
    timer = setTimeout(submit, PAUSE);
  };
  for (const kind of ["pointerup", "pointercancel"]) sheet.addEventListener(kind, lift);
  at("clear").addEventListener("click", clear);
  at("address").textContent = new URL("predict", location.href).href;
  clear();
})();
