// The part of the page that teaches: a file is sent, learnt from, and its model is tried and kept.

import { byId, call, element, labels, list, percent } from "/page.js";

const POLL_MS = 300;
let lesson = null; // the id of the file that was sent last

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

async function send(file) {
  show(null);
  tell(`Sending ${file.name} …`);
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  };
  const response = await fetch(`/v1/learn?file=${encodeURIComponent(file.name)}`, options);
  const guess = await response.json();
  if (!response.ok) throw new Error(guess.error);
  lesson = guess.id;
  offer("text-column", guess.columns, guess.text, false);
  offer("pair-column", guess.columns, guess.pair, true);
  offer("label-column", guess.columns, guess.label, false);
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
  const begun = lesson;
  await call(path("/start"), columns);
  show("learning");
  tell("");
  byId("doing").textContent = "Beginning";
  byId("progress").removeAttribute("value");
  while (lesson === begun) {
    const now = await call(path());
    if (lesson !== begun) return; // stopped, or another file was sent meanwhile
    if (now.state !== "learning") return ended(now, columns.pair !== null);
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
  if (now.state === "failed") {
    show("columns");
    tell(now.error, true);
    return;
  }
  const { scores } = now;
  byId("metric").textContent = scores.metric;
  byId("scores-on").textContent = `Scores on ${scores.on}`;
  byId("scores").replaceChildren(...scores.rows.map(scored));
  byId("notes").replaceChildren(...now.notes.map((line) => element("li", { textContent: line })));
  byId("remarks").replaceChildren(...scores.remarks.map((line) => element("li", { textContent: line })));
  byId("report").href = path("/report");
  byId("download").href = path("/bundle.zip");
  byId("name").value = now.file.replace(/\..*$/, "").replace(/[^\w.-]/g, "-");
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
  show(null);
  byId("file").value = "";
  const response = await fetch(`/v1/learn/${id}`, { method: "DELETE" });
  if (!response.ok) throw new Error((await response.json()).error);
  tell("The file and what was learnt from it are removed.");
}

byId("file").addEventListener("change", told(async () => {
  const [file] = byId("file").files;
  if (file) await send(file);
}));
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
