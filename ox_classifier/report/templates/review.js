"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const boxes = [...document.querySelectorAll(".box")];
  const names = new Map(data.choices.map((choice) => [choice.answer, choice.name]));
  const keys = new Map(data.choices.map((choice) => [choice.key, choice.answer]));
  let settled = {}, saved = "{}";
  if (!boxes.length) {
    at("progress").textContent = "nothing to settle";
    return;
  }

  // Marks stay in this browser until they are forgotten; where it keeps nothing, the page works without
  const recall = () => { try { settled = JSON.parse(localStorage.getItem(data.id)) || {}; } catch { settled = {}; } };
  const store = () => { try { localStorage.setItem(data.id, JSON.stringify(settled)); } catch { /* it keeps nothing */ } };

  const show = () => {
    boxes.forEach((box, i) => {
      const answer = settled[i];
      box.classList.toggle("settled", answer !== undefined);
      box.querySelector(".said").textContent = answer === undefined ? "" : names.get(answer);
      box.querySelectorAll("[data-answer]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.answer === answer));
    });
    const count = Object.keys(settled).length;
    at("progress").textContent = `${count} of ${boxes.length} settled${count && JSON.stringify(settled) !== saved ? ", not saved yet" : ""}`;
    at("done").style.setProperty("width", `${(100 * count) / boxes.length}%`);
    at("save").disabled = !count;
    at("forget").hidden = !count;
  };
  const settle = (index, answer) => {
    if (answer === null) delete settled[index];
    else settled[index] = answer;
    store();
    show();
  };
  const goTo = (index) => {
    const box = boxes[Math.max(0, Math.min(index, boxes.length - 1))];
    if (!box) return;
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  };
  const save = () => {
    const quote = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    const rows = Object.keys(settled).map((i) => [data.boxes[i].sheet, data.boxes[i].question, settled[i], data.printing]);
    const text = "\ufeff" + [["sheet", "question", "answer", "printing"], ...rows].map((row) => row.map(quote).join(",") + "\n").join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "corrections.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = JSON.stringify(settled);
    show();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer]"), box = event.target.closest(".box");
    if (!box) return;
    const index = +box.dataset.index;
    if (button) settle(index, settled[index] === button.dataset.answer ? null : button.dataset.answer);
    else goTo(index);
  });
  at("save").addEventListener("click", save);
  at("forget").addEventListener("click", () => {
    const count = Object.keys(settled).length;
    if (!confirm(`Forget what was settled here (${count} of ${boxes.length})? A corrections.csv that was saved stays.`)) return;
    settled = {};
    saved = "{}";
    store();
    show();
    goTo(0);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const box = event.target.closest(".box"), index = box ? +box.dataset.index : -1;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    // With another alphabet's layout, or an input method, a key has another letter: then its place on the keyboard counts
    const typed = event.key.toLowerCase(), place = /^Key([A-Z])$/.exec(event.code);
    const letter = /^[a-z0-9]$/.test(typed) || !place ? typed : place[1].toLowerCase();
    if (step) goTo(index < 0 ? 0 : index + step);
    else if (keys.has(letter) && index < 0) goTo(0);
    else if (keys.has(letter)) { settle(index, keys.get(letter)); goTo(index + 1); }
    else if (letter === "u" && index >= 0) settle(index, null);
    else return;
    event.preventDefault();
  });
  addEventListener("beforeunload", (event) => { if (Object.keys(settled).length && JSON.stringify(settled) !== saved) event.preventDefault(); });
  recall();
  show();
  goTo(0);
})();
