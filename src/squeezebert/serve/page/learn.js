// The part of the page that teaches: a file is sent, learnt from, and its model is tried and kept.

import { byId, call, element, labels, list, percent } from "/page.js";

const POLL_MS = 300;
const KEPT = "lesson"; // in the session's storage: what a page that is loaded anew goes on with
let lesson = null; // the id of the file that was sent last
let guess = null; // what its columns seem to be

const path = (rest = "") => `/v1/learn/${lesson}${rest}`;

function tell(message, wrong = false) {
  byId("learn-told").replaceChildren(
    element("p", { className: wrong ? "wrong" : "hint", textContent: message }));
}

function show(part) {
  byId("columns").hidden = part !== "columns";
  byId("learning").hidden = part !== "learning";
  byId("learnt").hidden = part !== "learnt";
}

// Does something that may fail, and tells what went wrong.
const told = (work) => async (event) => {
  event?.preventDefault();
  try {
    await work(event);
  } catch (error) {
    tell(error.message, true);
  }
};

function offer(id, columns, chosen, none) {
  const options = columns.map((name) => element("option", { value: name }, name));
  if (chosen?.includes(",") && !columns.includes(chosen)) {
    options.unshift(element("option", { value: chosen }, `one for each label: ${chosen}`));
  }
  if (none || !chosen) options.unshift(element("option", { value: "" }, none ? "none" : "choose"));
  byId(id).replaceChildren(...options);
  byId(id).value = chosen ?? "";
}

// The columns to choose from: by their names, or by numbers where the first line is a row.
function offerColumns() {
  const { columns, text, pair, label } = guess;
  const numbers = columns.map((_, place) => String(place + 1));
  const unnamed = byId("no-header").checked;
  offer("text-column", unnamed ? numbers : columns, unnamed ? null : text, false);
  offer("pair-column", unnamed ? numbers : columns, unnamed ? null : pair, true);
  offer("label-column", unnamed ? numbers : columns, unnamed ? null : label, false);
}

async function send(file) {
  if (!byId("learning").hidden) {
    throw new Error("Another file is being learnt from. Wait for it, or stop it.");
  }
  show(null);
  tell(`Sending ${file.name} …`);
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  };
  const response = await fetch(`/v1/learn?file=${encodeURIComponent(file.name)}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  guess = answer;
  lesson = guess.id;
  byId("no-header").checked = false;
  byId("guess-note").textContent = guess.note ?? "";
  offerColumns();
  byId("problem-type").value = "";
  byId("row-names").replaceChildren(
    element("tr", {}, ...guess.columns.map((name) =>
      element("th", { scope: "col", textContent: name }))));
  byId("rows").replaceChildren(
    ...guess.rows.map((row) => element("tr", {}, ...guess.columns.map((name) =>
      element("td", { textContent: row[name] ?? "" })))));
  show("columns");
  tell(guess.label && guess.text
    ? `Text and label were guessed from the columns of ${guess.file}. Are they right?`
    : `Choose the columns of text and label of ${guess.file}.`);
}

async function teach() {
  const columns = {
    text: byId("text-column").value,
    pair: byId("pair-column").value || null,
    label: byId("label-column").value,
    problem_type: byId("problem-type").value || null,
  };
  if (!columns.text || !columns.label) throw new Error("Choose the columns of text and label.");
  await call(path("/start"), columns);
  await follow(columns.pair !== null);
}

// Shows how far the learning is, to its end, also after the page was loaded anew.
async function follow(pairs) {
  const begun = lesson;
  sessionStorage.setItem(KEPT, JSON.stringify({ lesson, pairs }));
  show("learning");
  tell("");
  byId("doing").textContent = "Beginning";
  byId("progress").removeAttribute("value");
  while (lesson === begun) {
    const now = await call(path());
    if (lesson !== begun) return; // stopped, or another file was sent meanwhile
    if (now.state !== "learning") return ended(now, pairs);
    if (now.doing) byId("doing").textContent = now.doing;
    if (now.total) byId("progress").value = now.done / now.total;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

function scored({ name, score, interval }) {
  const between = interval ? ` (95 %: ${percent(interval[0])} to ${percent(interval[1])})` : "";
  return element("tr", {}, element("th", { scope: "row", textContent: name }),
    element("td", { textContent: percent(score) + between }));
}

function ended(now, pairs) {
  const notes = now.notes.map((line) => element("li", { textContent: line }));
  if (now.state === "failed") {
    show(guess?.id === now.id ? "columns" : null);
    tell(now.error, true);
    if (notes.length) byId("learn-told").append(element("ul", { className: "hint" }, ...notes));
    return;
  }
  const { scores } = now;
  byId("metric").textContent = scores.metric;
  byId("scores-on").textContent = `Scores on ${scores.on}`;
  byId("scores").replaceChildren(...scores.rows.map(scored));
  byId("notes").replaceChildren(...notes);
  byId("remarks").replaceChildren(...scores.remarks.map((line) => element("li", { textContent: line })));
  byId("report").href = path("/report");
  byId("download").href = path("/bundle.zip");
  byId("name").value = now.file.replace(/\..*$/, "")
    .replace(/[^\p{L}\p{N}_.-]/gu, "-").replace(/^[.-]+/, "").slice(0, 64) || "model";
  document.querySelector("[data-second]").hidden = !pairs;
  byId("attempt-answer").replaceChildren();
  show("learnt");
  tell(`Learnt in ${scores.seconds.toFixed(1)} s. Labels: ${now.labels.join(", ")}.`);
}

async function attempt() {
  const text = byId("attempt-text").value;
  const pairs = !document.querySelector("[data-second]").hidden;
  const item = pairs ? { text, pair: byId("attempt-pair").value } : text;
  const answer = await call(path("/predict"), { items: [item] });
  byId("attempt-answer").replaceChildren(...labels(answer.predictions[0]));
}

async function serve() {
  const model = await call(path("/serve"), { name: byId("name").value });
  await list(model.id);
  tell(`It is served as ${model.id}, and chosen above.`);
}

async function forget() {
  const id = lesson;
  lesson = null;
  sessionStorage.removeItem(KEPT);
  show(null);
  byId("file").value = "";
  const response = await fetch(`/v1/learn/${id}`, { method: "DELETE" });
  if (!response.ok) throw new Error((await response.json()).error);
  tell("The file and what was learnt from it are removed.");
}

byId("file").addEventListener("change", told(async () => {
  const [file] = byId("file").files;
  try {
    if (file) await send(file);
  } catch (error) {
    byId("file").value = ""; // so that the file can be chosen again when it is corrected
    throw error;
  }
}));
byId("no-header").addEventListener("change", offerColumns);
byId("learn").addEventListener("submit", told(teach));
byId("attempt").addEventListener("submit", told(attempt));
byId("keep").addEventListener("submit", told(serve));
byId("stop").addEventListener("click", told(forget));
byId("forget").addEventListener("click", told(forget));
const section = byId("learn").closest("section");
section.addEventListener("dragover", (event) => {
  event.preventDefault();
  section.classList.add("over");
});
section.addEventListener("dragleave", () => section.classList.remove("over"));
section.addEventListener("drop", told(async (event) => {
  section.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) await send(file);
}));

const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
if (kept) {
  lesson = kept.lesson;
  told(async () => {
    try {
      await follow(kept.pairs);
    } catch (error) {
      sessionStorage.removeItem(KEPT);
      show(null);
      throw error;
    }
  })();
}
