"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const count = data.path.length, many = 60;
  const shownName = (i) => data.name[i] ?? data.path[i];
  const searched = data.path.map((_, i) => shownName(i).toLowerCase());
  // A report has one run and shows a split at a time; a comparison has several and shows one beside the first
  const runs = data.runs ?? [data], several = runs.length > 1, by = several ? "run" : "split", first = runs[0];
  const start = { [by]: data.start, show: data.show, true: "", predicted: "", sort: "loss", q: "", slice: "", open: "" };
  let state = { ...start }, found = [], drawn = 0, current = -1, now = runs[runs.length - 1];

  const make = (tag, properties = {}, ...children) => {
    const { class: name, ...rest } = properties;
    const element = document.createElement(tag);
    if (name) element.className = name;
    for (const [key, value] of Object.entries(rest))
      key in element ? (element[key] = value) : element.setAttribute(key, value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const percent = (p) => `${(100 * p).toFixed(1)} %`;
  const number = (n) => n.toLocaleString("en");
  const chances = (run, i) => (Array.isArray(run.p[i][0]) ? run.p[i] : run.p[i].map((p, c) => [c, p]));
  const wrong = (i, run = now) => data.truth[i] !== run.predicted[i];
  for (const run of runs) run.sure = data.path.map((_, i) => Math.max(...chances(run, i).map(([, p]) => p)));

  // Marks: path -> {label, digest, old}; label null: of no class, "" in the map's place: fine
  const kept = `ox-marks:${data.fingerprint}`;
  let marks = {}, saved = "{}", storing = true;
  const recall = () => {
    try {
      marks = JSON.parse(localStorage.getItem(kept) || "{}");
      saved = localStorage.getItem(`${kept}:saved`) || "{}";
    } catch { storing = false; }
  };
  const store = () => {
    try {
      localStorage.setItem(kept, JSON.stringify(marks));
      localStorage.setItem(`${kept}:saved`, saved);
    } catch { storing = false; }
  };
  const markOf = (i) => (Object.hasOwn(marks, data.path[i]) ? marks[data.path[i]] : undefined);
  const FINE = "fine", ASIDE = "set-aside";
  const markText = (mark) => (mark.as === FINE ? "fine" : mark.as === ASIDE ? "no class" : `→ ${data.classes[data.labels.indexOf(mark.label)] ?? mark.label}`);
  const mark = (i, as, label) => {
    const same = as === "class" && label === data.labels[data.truth[i]];
    if (as === null) delete marks[data.path[i]];
    else marks[data.path[i]] = same ? { as: FINE } : as === "class" ? { as, label } : { as };
    store();
    showMarks();
    refreshCard(i);
    if (at("detail").open) openImage(i);
    say(as === null ? "mark taken back" : `marked: ${markText(marks[data.path[i]])}`);
  };
  const changes = () => data.path.map((_, i) => i).filter((i) => (markOf(i)?.as ?? FINE) !== FINE);
  const showMarks = () => {
    const total = Object.keys(marks).length, changed = changes().length;
    at("save").hidden = !total;
    at("save-button").disabled = !changed;
    const unsaved = changed && JSON.stringify(marks) !== saved;
    at("marked").textContent = `${number(total)} marked${unsaved ? storing ? ", not saved yet" : ": save before closing, this browser keeps nothing" : ""}`;
  };
  const say = (text) => { at("count").textContent = text ? `${summary()} · ${text}` : summary(); };

  // corrections.csv, as bytes: a name that is no UTF-8 comes from Python with a surrogate for each odd byte
  const csv = (rows) => rows.map((row) => row.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",") + "\n").join("");
  const bytes = (text) => {
    const parts = [];
    for (const part of text.split(/([\udc80-\udcff](?<![\ud800-\udbff].))/s))
      parts.push(/^[\udc80-\udcff]$/.test(part) ? Uint8Array.of(part.charCodeAt(0) & 255) : new TextEncoder().encode(part));
    return parts;
  };
  const save = () => {
    const rows = changes().map((i) => {
      const { as, label } = markOf(i);
      return [data.path[i], data.digest[i], data.labels[data.truth[i]], as === ASIDE ? ASIDE : label];
    });
    const text = csv([["path", "digest", "old_label", "new_label"], ...rows]);
    const link = make("a", { href: URL.createObjectURL(new Blob(bytes(text), { type: "text/csv" })), download: "corrections.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = JSON.stringify(marks);
    store();
    showMarks();
  };

  // letters: each class gets the first free one of its name
  const keys = new Map(), letterOf = [];
  data.classes.slice(0, 20).forEach((name, c) => {
    const letter = [...name.toLowerCase(), ..."abcdehijklmopqrstvwxyz"].find((l) => /^[a-z]$/.test(l) && !"fnu".includes(l) && !keys.has(l));
    if (letter) { keys.set(letter, c); letterOf[c] = letter; }
  });

  const summary = () => {
    const parts = [`${number(found.length)} of ${number(viewed())} ${data.counted}`];
    if (state.slice !== "") parts.push(data.slices[state.slice].name);
    if (state.true !== "") parts.push(`true ${data.classes[state.true]}`);
    if (state.predicted !== "") parts.push(`predicted ${data.classes[state.predicted]}`);
    return parts.join(" · ");
  };
  const inView = (i) => i < data.table && (several || data.splits[data.split[i]] === state.split);
  const viewed = () => { let n = 0; for (let i = 0; i < data.table; i++) n += inView(i); return n; };
  const kinds = {
    wrong: (i) => wrong(i),
    right: (i) => !wrong(i),
    unsure: (i) => now.reason[i],
    all: () => true,
    changed: (i) => first.predicted[i] !== now.predicted[i],
    fixed: (i) => wrong(i, first) && !wrong(i),
    broke: (i) => !wrong(i, first) && wrong(i),
    both: (i) => wrong(i, first) && wrong(i),
    marked: (i) => markOf(i),
    doubt: (i) => data.doubt[i],
  };
  const filter = () => {
    const q = state.q.toLowerCase(), kind = kinds[state.show], anywhere = ["marked", "doubt"].includes(state.show);
    const t = state.true === "" ? -1 : +state.true, p = state.predicted === "" ? -1 : +state.predicted;
    const only = state.slice === "" ? null : new Set(data.slices[state.slice].rows);
    found = [];
    for (let i = 0; i < count; i++) {
      if (!(anywhere || inView(i)) || !kind(i)) continue;
      if ((t >= 0 && data.truth[i] !== t) || (p >= 0 && now.predicted[i] !== p)) continue;
      if ((only && !only.has(i)) || (q && !searched[i].includes(q))) continue;
      found.push(i);
    }
    const order = {
      loss: (a, b) => now.loss[b] - now.loss[a] || a - b,
      certain: (a, b) => now.sure[a] - now.sure[b] || a - b,
      change: (a, b) => shift(b) - shift(a) || a - b,
      name: (a, b) => a - b,
    }[state.sort];
    found.sort(state.show === "doubt" && state.sort === "loss" ? (a, b) => data.doubt[a][0] - data.doubt[b][0] : order);
  };
  const shift = (i) => Math.abs(Math.exp(-now.loss[i]) - Math.exp(-first.loss[i])); // of the label's probability

  const missing = new Set();
  const link = (i) => {
    try { return data.base + data.path[i].split("/").map(encodeURIComponent).join("/"); } catch { return ""; }
  };
  const picture = (i, source, alt, tiny) => {
    const frame = make("span", { class: "frame" });
    const image = make("img", { alt, loading: "lazy", decoding: "async", class: tiny ? "tiny" : "" });
    image.addEventListener("error", () => {
      frame.replaceChildren(make("span", { class: "gone" }, "not on this machine"));
      missing.add(i);
      at("missing").hidden = false;
      at("missing").textContent = `${number(missing.size)} of the images looked at ${missing.size === 1 ? "is" : "are"} not in this page and no longer in ${data.root}: ${missing.size === 1 ? "its place stays" : "their places stay"} empty.`;
    });
    image.src = source || link(i);
    frame.append(image);
    return frame;
  };
  const answer = (i, run = now) => `${data.classes[data.truth[i]]} → ${data.classes[run.predicted[i]]}`;
  const sign = (i, run) => (wrong(i, run) ? "✗" : "✓");
  const said = (i, run, text) => make("span", { class: `said ${wrong(i, run) ? "wrong" : "right"}` }, text);
  const card = (i) => {
    const button = make("button", { type: "button", class: "card", tabIndex: -1 });
    button.dataset.row = i;
    fillCard(button, i);
    return make("li", {}, button);
  };
  const fillCard = (button, i) => {
    const set = markOf(i), path = shownName(i), place = path.lastIndexOf("/") + 1;
    button.replaceChildren(
      picture(i, data.picture[i], "", data.tiny),
      ...(several
        ? [make("span", { class: "file" }, `label ${data.classes[data.truth[i]]}`), ...[first, now].flatMap((run) => [
            make("span", { class: "run", title: run.name }, run.name), said(i, run, `${sign(i, run)} ${data.classes[run.predicted[i]]} ${percent(run.sure[i])}`)])]
        : [said(i, now, `${sign(i, now)} ${answer(i)} ${percent(now.sure[i])}`)]),
      ...(now.reason[i] ? [make("span", { class: "file" }, `unsure: ${now.reason[i]}`)] : []),
      make("span", { class: "file", title: path }, path.slice(place)),
    );
    if (data.doubt[i] && state.show === "doubt") button.append(make("span", { class: "file" }, `labelled ${data.classes[data.truth[i]]}, maybe ${data.classes[data.doubt[i][1]]}`));
    if (set) button.append(make("span", { class: "badge" }, markText(set)));
  };
  const cardOf = (i) => at("grid").querySelector(`[data-row="${i}"]`);
  const refreshCard = (i) => { const button = cardOf(i); if (button) fillCard(button, i); };
  const drawMore = () => {
    const next = found.slice(drawn, drawn + many);
    at("grid").append(...next.map(card));
    drawn += next.length;
    at("more").hidden = drawn >= found.length;
    if (found.length && !at("grid").querySelector('[tabindex="0"]')) cardOf(found[0]).tabIndex = 0;
  };
  const draw = () => {
    filter();
    drawn = 0;
    at("grid").replaceChildren();
    drawMore();
    say("");
    at("clear").hidden = ["show", "true", "predicted", "q", "slice"].every((key) => state[key] === start[key]);
    if (!found.length) at("grid").append(make("li", { class: "none" }, ...nothing()));
  };
  const nothing = () => {
    const all = ["true", "predicted", "q", "slice"].every((key) => state[key] === "") && state.show !== "all" && count > 0;
    const told = data.nothing[state.show] ?? "No image fits what is chosen above.";
    return all ? [`${told} `, make("button", { type: "button", "data-kind": "all" }, "Show all")] : ["No image fits what is chosen above."];
  };
  const goTo = (position) => {
    if (!found.length) return;
    position = Math.max(0, Math.min(found.length - 1, position));
    while (position >= drawn) drawMore();
    at("grid").querySelectorAll('[tabindex="0"]').forEach((other) => (other.tabIndex = -1));
    const button = cardOf(found[position]);
    button.tabIndex = 0;
    button.focus();
  };

  const heatColors = [[40, 60, 180, 0], [50, 90, 210, 150], [60, 190, 170, 195], [250, 205, 70, 225], [220, 40, 40, 255]];
  const heat = ([width, height, packed], text) => {
    const canvas = make("canvas", { width, height, role: "img", "aria-label": text });
    const pixels = new ImageData(width, height), levels = atob(packed);
    for (let place = 0; place < levels.length; place++) {
      const value = (levels.charCodeAt(place) / 255) * (heatColors.length - 1), low = Math.min(Math.floor(value), heatColors.length - 2);
      heatColors[low].forEach((from, c) => (pixels.data[4 * place + c] = from + (heatColors[low + 1][c] - from) * (value - low)));
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  };
  const figure = (frame, text) => make("figure", {}, frame, make("figcaption", {}, text));
  const openImage = (i) => {
    current = i;
    const truth = data.classes[data.truth[i]], path = shownName(i);
    at("detail-name").textContent = path;
    const looks = make("div", { class: several ? "looks several" : "looks" }, figure(picture(i, data.picture[i], `${path}, a picture labelled ${truth}`, data.tiny), "the picture"), ...runs.flatMap((run) => looksOf(run, i)));
    const body = [looks];
    if (!several) body.push(make("p", {}, said(i, now, `${wrong(i) ? "✗ wrong" : "✓ right"}: ${answer(i)}`)));
    if (!several && now.reason[i]) body.push(make("p", {}, `The run answers unsure: ${now.reason[i]}.`));
    if (data.doubt[i]) body.push(make("p", {}, `The label ${truth} is in doubt (number ${data.doubt[i][0]} of the list): it may be ${data.classes[data.doubt[i][1]]}.`));
    if (i >= data.table) body.push(make("p", { class: "note" }, data.outside));
    body.push(marking(i), make("div", { class: "columns" },
      ...runs.map((run) => probabilities(run, i)), make("div", {}, ...beside(i))));
    at("detail-body").replaceChildren(...body);
    if (!at("detail").open) { at("detail").showModal(); at("detail-name").focus(); }
    update({ open: data.path[i] }, false);
  };
  // how a network sees an image, and what in it speaks for the answer
  const looksOf = (run, i) => {
    const seen = (run.seen ?? data.seen)[i], named = several ? `${run.name}: ` : "", answered = data.classes[run.predicted[i]], shown = [];
    if (seen && (run.seen || run === first)) {
      const whom = !several ? "the network sees" : runs.some((one) => one.seen) ? `${run.name} sees` : "all runs see";
      shown.push(figure(picture(i, seen, `the same picture as ${whom} it`, data.tiny), `as ${whom} it: ${run.rule}`));
    }
    if (run.map[i]) {
      const stack = picture(i, seen || data.picture[i], "", data.tiny), text = `${named}what speaks for ${answered} (${run.explained})`;
      stack.classList.add("stack");
      stack.append(heat(run.map[i], `${named}the places that speak for ${answered}`));
      shown.push(figure(stack, text));
    }
    return shown;
  };
  const probabilities = (run, i) => {
    const rows = [...chances(run, i)].sort((a, b) => b[1] - a[1]).map(([c, p]) => {
      const right = c === data.truth[i];
      return make("tr", { class: right ? "true" : "" }, make("th", { scope: "row" }, data.classes[c] + (right ? " (label)" : "")),
        make("td", { class: "bar-cell" }, make("meter", { value: p, min: 0, max: 1, "aria-hidden": "true" })), make("td", {}, `${(100 * p).toFixed(2)} %`));
    });
    const heading = several ? [make("h3", {}, run.name), make("p", {}, said(i, run, `${wrong(i, run) ? "✗ wrong" : "✓ right"}: ${answer(i, run)}`))] : [make("h3", {}, "Probabilities")];
    if (several && run.reason[i]) heading.push(make("p", {}, `It answers unsure: ${run.reason[i]}.`));
    const note = `loss ${run.loss[i].toFixed(4)}${several ? "" : `, ${data.splits[data.split[i]]}`}`;
    return make("div", {}, ...heading, make("table", { class: "chances" }, make("tbody", {}, ...rows)), make("p", { class: "note" }, note));
  };
  const beside = (i) => {
    const parts = [];
    if (data.near[i]) {
      parts.push(make("h3", {}, "Nearest training images"), make("div", { class: "beside" }, ...data.near[i].map(([row, distance]) => {
        const [path, label, source] = data.training[row];
        const frame = source ? picture(-1, source, path, data.tiny) : make("span", { class: "frame" }, make("span", { class: "gone" }, "not embedded"));
        frame.title = path;
        return figure(frame, `${label}, ${distance.toFixed(3)}`);
      })), make("p", { class: "note" }, data.nearness));
    }
    if (data.copies[i]) parts.push(make("h3", {}, "The same picture stands at"), make("ul", {}, ...data.copies[i].map(([path, label, split]) => make("li", {}, `${path} (${label}, ${split})`))));
    return parts;
  };
  const marking = (i) => {
    const set = markOf(i), buttons = [];
    const add = (text, letter, as, label) => {
      const on = !!set && set.as === as && (as !== "class" || set.label === label);
      const button = make("button", { type: "button", disabled: !data.digest[i] && as !== FINE, "aria-pressed": String(on) }, text, letter ? make("kbd", {}, letter) : "");
      button.addEventListener("click", () => mark(i, on ? null : as, label));
      buttons.push(button);
    };
    if (data.classes.length <= 20) data.classes.forEach((name, c) => c !== data.truth[i] && add(name, letterOf[c], "class", data.labels[c]));
    else {
      const select = make("select", { "aria-label": "another class" }, make("option", { value: "" }, "another class"), ...data.classes.map((name, c) => make("option", { value: c, selected: set?.label === data.labels[c] }, name)));
      select.addEventListener("change", () => mark(i, select.value === "" ? null : "class", data.labels[select.value]));
      buttons.push(select);
    }
    add("no class", "n", ASIDE);
    add("fine as it is", "f", FINE);
    return make("div", { class: "marks", role: "group", "aria-label": "mark the image" }, make("span", { class: "note" }, "mark as"), ...buttons);
  };
  const step = (by) => {
    const position = found.indexOf(current) + by;
    if (position >= 0 && position < found.length) openImage(found[position]);
  };

  // The view stands in the address, so that it can be sent on
  const update = (changed, again = true) => {
    state = { ...state, ...changed };
    const said = new URLSearchParams();
    for (const key of Object.keys(start)) if (state[key] !== start[key]) said.set(key, state[key]);
    history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
    if (again) show();
  };
  const asked = (button) => button.getAttribute(`data-show-${by}`);
  const show = () => {
    if (several) now = runs[1 + data.views.indexOf(state.run)];
    document.querySelectorAll(`[data-${by}]`).forEach((part) => (part.hidden = part.dataset[by] !== state[by]));
    document.querySelectorAll(`[data-show-${by}]`).forEach((button) => button.setAttribute("aria-pressed", asked(button) === state[by]));
    for (const [id, key] of [["show", "show"], ["true", "true"], ["predicted", "predicted"], ["sort", "sort"], ["search", "q"]]) at(id).value = state[key];
    draw();
  };
  if (!runs.some((run) => Object.keys(run.reason).length)) at("show").querySelector('[value="unsure"]')?.remove();
  const read = () => {
    const told = new URLSearchParams(location.hash.slice(1)), next = { ...start };
    for (const key of Object.keys(start)) if (told.has(key)) next[key] = told.get(key);
    if (!data.views.includes(next[by])) next[by] = start[by];
    if (!data.slices[next.slice]) next.slice = "";
    for (const key of ["true", "predicted"]) if (!data.classes[next[key]]) next[key] = "";
    for (const [id, key] of [["show", "show"], ["sort", "sort"]]) if (![...at(id).options].some((option) => option.value === next[key])) next[key] = start[key];
    state = next;
    show();
    const row = next.open ? data.path.indexOf(next.open) : -1;
    if (row >= 0) openImage(row);
    return [...told.keys()].some((key) => key in start);
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("button, a");
    if (!target) return;
    if (target.dataset.row) openImage(+target.dataset.row);
    else if (target.dataset.kind) { update({ ...start, [by]: state[by], show: target.dataset.kind, true: target.dataset.true ?? "" }); at("images").scrollIntoView(); goTo(0); }
    else if (target.dataset.true) { update({ true: target.dataset.true, predicted: target.dataset.predicted, show: "all", q: "", slice: "" }); at("images").scrollIntoView(); goTo(0); }
    else if (asked(target)) update({ [by]: asked(target), slice: "" });
    else if (target.dataset.slice) { update({ ...start, [by]: state[by], slice: target.dataset.slice }); at("images").scrollIntoView(); }
    else if ("doubts" in target.dataset) { update({ ...start, [by]: state[by], show: "doubt" }); at("images").scrollIntoView(); goTo(0); }
    else if (target.getAttribute("href")?.startsWith("#")) { event.preventDefault(); const part = document.querySelector(target.getAttribute("href")); part.tabIndex = -1; part.focus({ preventScroll: true }); part.scrollIntoView(); }
  });
  for (const [id, key] of [["show", "show"], ["true", "true"], ["predicted", "predicted"], ["sort", "sort"]]) at(id).addEventListener("change", () => update({ [key]: at(id).value }));
  at("search").addEventListener("input", () => update({ q: at("search").value }));
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("clear").addEventListener("click", () => update({ ...start, [by]: state[by], sort: state.sort }));
  at("more").addEventListener("click", drawMore);
  at("save-button").addEventListener("click", save);
  at("forget-button").addEventListener("click", () => { if (confirm("Forget every mark of this report?")) { marks = {}; saved = "{}"; store(); showMarks(); draw(); } });
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  // The browser tells of a close only later: the next key would still find the card that was opened first
  const closed = () => {
    if (at("detail").open || !state.open) return;
    update({ open: "" }, false);
    if (found.includes(current)) goTo(found.indexOf(current));
  };
  const close = () => { at("detail").close(); closed(); };
  at("close").addEventListener("click", close);
  at("detail").addEventListener("close", closed);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) { if (event.key === "Escape") { event.target.blur(); goTo(0); } return; }
    const open = at("detail").open, focused = event.target.closest("[data-row]");
    const row = open ? current : focused ? +focused.dataset.row : -1;
    if (event.key === "Escape" && open) { event.preventDefault(); close(); return; }
    if (event.key === "/" && !open) { event.preventDefault(); at("search").focus(); at("search").select(); return; }
    if (event.key.startsWith("Arrow")) {
      const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (open) { if (sideways) step(sideways); return; }
      if (!focused) { if (event.target === document.body && sideways) { event.preventDefault(); goTo(0); } return; }
      event.preventDefault();
      const columns = getComputedStyle(at("grid")).gridTemplateColumns.split(" ").length;
      goTo(found.indexOf(row) + (sideways || { ArrowUp: -columns, ArrowDown: columns }[event.key]));
      return;
    }
    if (row < 0) return;
    const letter = event.key.toLowerCase();
    if (letter === "f") mark(row, FINE);
    else if (letter === "u") mark(row, null);
    else if (!data.digest[row]) return;
    else if (letter === "n") mark(row, ASIDE);
    else if (keys.has(letter)) mark(row, "class", data.labels[keys.get(letter)]);
    else return;
    event.preventDefault();
  });
  addEventListener("hashchange", () => { if (at("detail").open) at("detail").close(); read(); });
  addEventListener("storage", (event) => { if (event.key === kept) { recall(); showMarks(); draw(); } });

  document.body.classList.toggle("few", data.classes.length <= 4);
  for (const id of ["true", "predicted"]) at(id).append(make("option", { value: "" }, "any"), ...data.classes.map((name, c) => make("option", { value: c }, name)));
  for (const [letter, c] of keys) at("keys").append(make("div", {}, make("dt", {}, letter), make("dd", {}, `mark as ${data.classes[c]}`)));
  for (const [letter, text] of [["n", "mark as no image of any class"], ["f", "mark as fine"], ["u", "take the mark back"]]) at("keys").append(make("div", {}, make("dt", {}, letter), make("dd", {}, text)));
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && drawn < found.length && drawMore(), { rootMargin: "600px" }).observe(at("more"));
  recall();
  showMarks();
  if (read() && !state.open) at("images").scrollIntoView();
})();
